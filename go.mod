module github.com/jeroboam-cloud/jeroboam

go 1.26.0

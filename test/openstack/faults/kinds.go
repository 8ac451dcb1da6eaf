package faults

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
)

// Fault is a way to spoil a call.
type Fault string

// The faults. Those of writing are not had by calls that read, nor the other way
// round.
const (
	None      Fault = ""
	Broken    Fault = "500"
	TooMany   Fault = "429 with Retry-After"
	Slow      Fault = "a slow answer"
	Ended     Fault = "the token has ended"
	Conflict  Fault = "409"                              // writing
	Swallowed Fault = "done, and the connection cut"     // writing
	Timeout   Fault = "done, and 504 said"               // writing
	CutOff    Fault = "a list that breaks off"           // reading
	Half      Fault = "a list without its second half"   // reading
	Empty     Fault = "a list without what should be on" // reading
)

// faultsOf are those that a call may have. A login has no token that could end.
func faultsOf(r *http.Request) []Fault {
	all := []Fault{Broken, TooMany, Slow}
	if r.Header.Get("X-Auth-Token") != "" {
		all = append(all, Ended)
	}
	if r.Method == http.MethodGet {
		return append(all, CutOff, Half, Empty)
	}
	return append(all, Conflict, Swallowed, Timeout)
}

// shorten passes on the half of an answer's bytes, or an answer that is whole but
// leaves out the half, or all, of what it lists. What lists nothing stays as it
// is.
func (p *Proxy) shorten(w http.ResponseWriter, r *http.Request, pass http.Handler, fault Fault) {
	whole := httptest.NewRecorder()
	pass.ServeHTTP(whole, r)
	body := whole.Body.Bytes()
	if fault != CutOff {
		body = without(body, fault == Empty)
	}
	maps.Copy(w.Header(), whole.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(whole.Code)
	if fault == CutOff {
		w.Write(body[:len(body)/2])
		http.NewResponseController(w).Flush() // who has heard nothing asks again by himself
		panic(http.ErrAbortHandler)
	}
	w.Write(body)
}

// without leaves out of each list at the top of a document its second half, or
// all of it. The link to a next page goes with it.
func without(body []byte, all bool) []byte {
	var document map[string]json.RawMessage
	if json.Unmarshal(body, &document) != nil {
		return body
	}
	for key, raw := range document {
		var list []json.RawMessage
		if !bytes.HasPrefix(raw, []byte("[")) || json.Unmarshal(raw, &list) != nil {
			continue
		}
		list = list[:len(list)/2]
		if all {
			list = list[:0]
		}
		document[key], _ = json.Marshal(list)
	}
	out, err := json.Marshal(document)
	if err != nil {
		return body
	}
	return out
}

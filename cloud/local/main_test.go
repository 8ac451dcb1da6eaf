package local

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/inside"
)

// TestMain lets the test's binary play every part of a machine's life.
func TestMain(m *testing.M) {
	var err error
	switch {
	case os.Args[0] == inside.AgentPath && len(os.Args) == 3: // use MEGABYTES
		err = useMemory(os.Args[2])
	case os.Args[0] == inside.AgentPath:
		err = standIn()
	case len(os.Args) > 1 && os.Args[1] == CommandMachine:
		err = LaunchMachine(os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == CommandBalancer:
		err = RunBalancer(os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == commandService:
		err = runService(os.Args[2:])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// useMemory touches so much memory that a limit below it kills the process.
func useMemory(megabytes string) error {
	n, err := strconv.Atoi(megabytes)
	if err != nil {
		return err
	}
	memory := make([]byte, n<<20)
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	_, err = fmt.Fprint(io.Discard, memory[len(memory)-1])
	return err
}

const standInPort = "7000"

// standIn is a machine's first process: it does what a test tells it by a line
// on a TCP connection, and answers with a line.
func standIn() error {
	listener, err := net.Listen("tcp", ":"+standInPort)
	if err != nil {
		return err
	}
	signal.Ignore(unix.SIGTERM)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil {
				return
			}
			answer, err := obey(strings.Fields(line))
			if err != nil {
				answer = "error: " + err.Error()
			}
			fmt.Fprintln(conn, strconv.Quote(answer))
		}()
	}
}

func obey(words []string) (string, error) {
	if len(words) == 0 {
		return "", fmt.Errorf("no command")
	}
	argument := strings.Join(words[1:], " ")
	switch words[0] {
	case "hostname":
		return os.Hostname()
	case "pid":
		return strconv.Itoa(os.Getpid()), nil
	case "read":
		data, err := os.ReadFile(argument)
		return string(data), err
	case "list":
		entries, err := os.ReadDir(argument)
		var names []string
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return strings.Join(names, " "), err
	case "write":
		return "", os.WriteFile(argument, []byte("written"), 0o600)
	case "dial":
		conn, err := net.DialTimeout("tcp", argument, 500*time.Millisecond)
		if err != nil {
			return "", err
		}
		return "connected", conn.Close()
	case "run": // a command, with its output
		return runCommand(words[1:])
	}
	return "", fmt.Errorf("unknown command %q", words[0])
}

// runCommand does not use os/exec's pipes: a grandchild would keep them open.
func runCommand(words []string) (string, error) {
	out, err := os.CreateTemp("", "output")
	if err != nil {
		return "", err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	p, err := os.StartProcess(words[0], words, &os.ProcAttr{Files: []*os.File{nil, out, out}, Env: os.Environ()})
	if err != nil {
		return "", err
	}
	state, err := p.Wait()
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(out.Name())
	return strings.TrimSpace(state.String() + "\n" + string(data)), err
}

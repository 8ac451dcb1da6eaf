// Command web answers every request with the name of the host it runs on, so
// that one sees which replica served it. Demos and tests deploy it. With -get it
// asks instead: the way to try a Service from inside a pod, since the resolver
// of the toolbox's static busybox crashes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	address := flag.String("listen", ":8080", "address to listen on")
	ask := flag.String("get", "", "URL to get and print, instead of serving")
	times := flag.Int("times", 1, "how often to get it, each time by a connection of its own")
	flag.Parse()
	if *ask != "" {
		if err := get(os.Stdout, *ask, *times); err != nil {
			log.Fatal(err)
		}
		return
	}
	host, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serve(ctx, *address, answer(host)); err != nil {
		log.Fatal(err)
	}
}

// get prints what url answers, so many times.
func get(w io.Writer, url string, times int) error {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for range times {
		if err := once(w, client, url); err != nil {
			return err
		}
	}
	return nil
}

func once(w io.Writer, client http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	_, err = io.Copy(w, response.Body)
	return err
}

func answer(host string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello from %s. You asked for %s from %s.\n", host, r.URL.Path, r.RemoteAddr)
	})
}

// serve answers until ctx ends, then lets requests in flight finish.
func serve(ctx context.Context, address string, h http.Handler) error {
	server := &http.Server{Addr: address, Handler: h, ReadHeaderTimeout: 5 * time.Second}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		stopped <- server.Shutdown(grace)
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

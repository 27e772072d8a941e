// Makes calls through net/http's Transport: gopeer SETTINGS, a JSON object of Transport fields over
// http.DefaultTransport, then as PeerProgram.ts says every program does. Its pool refuses no call.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

func main() {
	var settings struct {
		MaxIdleConns, MaxIdleConnsPerHost, MaxConnsPerHost *int
		IdleConnTimeout                                    *time.Duration
		DisableKeepAlives                                  bool
	}
	decoder := json.NewDecoder(strings.NewReader(os.Args[1]))
	decoder.DisallowUnknownFields()
	must(decoder.Decode(&settings))
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = settings.DisableKeepAlives
	for target, value := range map[*int]*int{
		&transport.MaxIdleConns:        settings.MaxIdleConns,
		&transport.MaxIdleConnsPerHost: settings.MaxIdleConnsPerHost,
		&transport.MaxConnsPerHost:     settings.MaxConnsPerHost,
	} {
		if value != nil {
			*target = *value
		}
	}
	if settings.IdleConnTimeout != nil {
		transport.IdleConnTimeout = *settings.IdleConnTimeout
	}
	client := &http.Client{Transport: transport}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var url string
		var count int
		_, err := fmt.Sscan(lines.Text(), &url, &count)
		must(err)
		go func() {
			callMany(client, url, count)
			fmt.Println(url, 0, 0)
		}()
	}
	must(lines.Err())
}

func callMany(client *http.Client, url string, count int) {
	var calls sync.WaitGroup
	for range count {
		calls.Add(1)
		go func() {
			defer calls.Done()
			response, err := client.Get(url)
			must(err)
			defer response.Body.Close()
			_, err = io.Copy(io.Discard, response.Body)
			must(err)
		}()
	}
	calls.Wait()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

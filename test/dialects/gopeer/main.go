// Makes calls through net/http's Transport: gopeer URL COUNT SETTINGS, where SETTINGS is a JSON object of Transport fields
// over http.DefaultTransport. Prints a line when all are answered, and keeps its connections until stdin ends.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
)

func main() {
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	var settings struct {
		MaxIdleConns, MaxIdleConnsPerHost, MaxConnsPerHost *int
		DisableKeepAlives                                  bool
	}
	if err := json.Unmarshal([]byte(os.Args[3]), &settings); err != nil {
		panic(err)
	}
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
	client := &http.Client{Transport: transport}
	var calls sync.WaitGroup
	for range count {
		calls.Add(1)
		go func() {
			defer calls.Done()
			response, err := client.Get(os.Args[1])
			if err != nil {
				panic(err)
			}
			defer response.Body.Close()
			if _, err := io.Copy(io.Discard, response.Body); err != nil {
				panic(err)
			}
		}()
	}
	calls.Wait()
	fmt.Println("done")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		panic(err)
	}
}

// Drives Go's net/http Transport as ../README.md says every driver does.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const pauseAfterFailure = 10 * time.Millisecond

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func residentBytes() int64 {
	debug.FreeOSMemory()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		panic(err)
	}
	return pages * int64(os.Getpagesize())
}

func print(result map[string]any) {
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		panic(err)
	}
}

type lane struct {
	nanos      []int64
	errorCount int
}

func main() {
	url := flag.String("url", "", "")
	connectionCount := flag.Int("connections", 1, "")
	callerCount := flag.Int("callers", 0, "")
	rate := flag.Float64("rate", 0, "")
	seconds := flag.Float64("seconds", 0, "")
	warmup := flag.Float64("warmup", 0, "")
	task := flag.String("task", "load", "")
	version := flag.Bool("version", false, "")
	flag.Parse()
	if *version {
		fmt.Println(runtime.Version())
		return
	}
	if *callerCount == 0 {
		*callerCount = *connectionCount
	}
	client := &http.Client{Transport: &http.Transport{
		MaxConnsPerHost:     *connectionCount,
		MaxIdleConnsPerHost: *connectionCount,
		DisableCompression:  true,
	}}
	call := func() error {
		response, err := client.Get(*url)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != 200 {
			return fmt.Errorf("status %d", response.StatusCode)
		}
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	switch *task {
	case "first":
		if err := call(); err != nil {
			panic(err)
		}
		print(map[string]any{"requestCount": 1})
	case "idle":
		if err := call(); err != nil {
			panic(err)
		}
		before := residentBytes()
		var all sync.WaitGroup
		for range *connectionCount {
			all.Add(1)
			go func() {
				defer all.Done()
				if err := call(); err != nil {
					panic(err)
				}
			}()
		}
		all.Wait()
		print(map[string]any{"residentBytes": residentBytes() - before})
	default:
		load(call, *callerCount, *rate, *warmup, *seconds)
	}
}

func load(call func() error, callerCount int, rate, warmup, seconds float64) {
	start := time.Now()
	begin := start.Add(time.Duration(warmup * float64(time.Second)))
	end := begin.Add(time.Duration(seconds * float64(time.Second)))
	perTenth := make([]atomic.Int64, int(seconds*10)+1)
	lanes := make([]lane, callerCount)
	var sequence atomic.Int64
	var cpuAtBegin float64
	time.AfterFunc(time.Until(begin), func() { cpuAtBegin = cpuSeconds() })
	var all sync.WaitGroup
	for index := range lanes {
		all.Add(1)
		go func(own *lane) {
			defer all.Done()
			for {
				from := time.Now()
				if rate > 0 {
					from = start.Add(time.Duration(float64(sequence.Add(1)-1) / rate * float64(time.Second)))
					if from.Before(end) {
						time.Sleep(time.Until(from))
					}
				}
				if !from.Before(end) {
					return
				}
				err := call()
				now := time.Now()
				if now.After(begin) && now.Before(end) {
					if err != nil {
						own.errorCount++
					} else {
						own.nanos = append(own.nanos, int64(now.Sub(from)))
						perTenth[int(now.Sub(begin)/(100*time.Millisecond))].Add(1)
					}
				}
				if err != nil {
					time.Sleep(pauseAfterFailure)
				}
			}
		}(&lanes[index])
	}
	all.Wait()
	cpu := cpuSeconds() - cpuAtBegin
	var nanos []int64
	errorCount := 0
	for _, own := range lanes {
		nanos = append(nanos, own.nanos...)
		errorCount += own.errorCount
	}
	slices.Sort(nanos)
	micros := func(share float64) int64 {
		if len(nanos) == 0 {
			return 0
		}
		return nanos[min(len(nanos)-1, int(float64(len(nanos))*share))] / 1000
	}
	tenths := make([]int64, len(perTenth)-1)
	for index := range tenths {
		tenths[index] = perTenth[index].Load()
	}
	print(map[string]any{
		"requestCount": len(nanos), "seconds": seconds, "cpuSeconds": cpu, "errorCount": errorCount,
		"p50Micros": micros(0.5), "p99Micros": micros(0.99), "p999Micros": micros(0.999), "perTenth": tenths,
	})
}

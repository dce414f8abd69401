package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

type item struct {
	ID     int     `json:"id"`
	Name   string  `json:"name"`
	Price  float64 `json:"price"`
	Active bool    `json:"active"`
}

func httpServer() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write([]byte("Hello, World!"))
	})
	http.HandleFunc("/json", func(w http.ResponseWriter, r *http.Request) {
		text, _ := json.Marshal(item{1, "bide", 9.5, true})
		w.Header().Set("Content-Type", "application/json")
		w.Write(text)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	fail(http.Serve(listener, nil))
}

func getAll(client *http.Client, url string, count, atOnce int) {
	var group sync.WaitGroup
	left := int64(count)
	group.Add(atOnce)
	for i := 0; i < atOnce; i++ {
		go func() {
			defer group.Done()
			for atomic.AddInt64(&left, -1) >= 0 {
				response, err := client.Get(url)
				if err != nil {
					fail(err)
				}
				if _, err := io.ReadAll(response.Body); err != nil || response.StatusCode != 200 {
					fail(fmt.Errorf("status %d, %v", response.StatusCode, err))
				}
				response.Body.Close()
			}
		}()
	}
	group.Wait()
}

func httpClient(url, countText, atOnceText string) {
	count, _ := strconv.Atoi(countText)
	atOnce, _ := strconv.Atoi(atOnceText)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce, MaxConnsPerHost: atOnce}}
	getAll(client, url, count/10, atOnce)
	start, startCPU := time.Now(), cpu()
	getAll(client, url, count, atOnce)
	report("http_client", "us", float64(time.Since(start))/1e3/float64(count), float64(cpu()-startCPU)/1e3/float64(count))
}

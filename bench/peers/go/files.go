package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	small  = 10000
	atOnce = 100
	reads  = 20000
	block  = 4096
	piece  = 1 << 20
)

// Calls body(0) to body(count - 1), at most atOnce of them at a time.
func concurrently(count int, body func(worker, i int)) {
	var group sync.WaitGroup
	next := int64(-1)
	group.Add(atOnce)
	for worker := 0; worker < atOnce; worker++ {
		go func(worker int) {
			defer group.Done()
			for i := atomic.AddInt64(&next, 1); i < int64(count); i = atomic.AddInt64(&next, 1) {
				body(worker, int(i))
			}
		}(worker)
	}
	group.Wait()
}

func readSmall(folder string) int {
	concurrently(small, func(_, i int) {
		text, err := os.ReadFile(fmt.Sprintf("%s/small/%d", folder, i))
		if err != nil || len(text) != block {
			fail(fmt.Errorf("%d bytes, %v", len(text), err))
		}
	})
	return small
}

// A plain loop: io.Copy would let the kernel copy.
func copyLarge(folder string) int {
	source, err := os.Open(folder + "/large")
	if err != nil {
		fail(err)
	}
	target, err := os.Create(folder + "/copy")
	if err != nil {
		fail(err)
	}
	buffer := make([]byte, piece)
	for {
		size, err := source.Read(buffer)
		if err == io.EOF {
			break
		}
		if err == nil {
			_, err = target.Write(buffer[:size])
		}
		if err != nil {
			fail(err)
		}
	}
	target.Close()
	return 1
}

func readRandom(folder string) int {
	source, err := os.Open(folder + "/large")
	if err != nil {
		fail(err)
	}
	info, _ := source.Stat()
	numbers := random(1)
	offsets := make([]int64, reads)
	for i := range offsets {
		offsets[i] = int64(numbers.next()*float64(info.Size()/block)) * block
	}
	var buffers [atOnce][block]byte
	concurrently(reads, func(worker, i int) {
		if size, err := source.ReadAt(buffers[worker][:], offsets[i]); size != block {
			fail(err)
		}
	})
	return reads
}

func files(work, folder string) {
	body := map[string]func(string) int{"small": readSmall, "copy": copyLarge, "random": readRandom}[work]
	start, startCPU := time.Now(), cpu()
	count := float64(body(folder))
	report("files_"+work, "us", float64(time.Since(start))/1e3/count, float64(cpu()-startCPU)/1e3/count)
}

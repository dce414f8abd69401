package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const (
	batch      = 1000
	sleepers   = 100000
	cancelled  = 10000
	contenders = 100
)

func yieldAmong(tasks, count int) {
	var group sync.WaitGroup
	group.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			for j := 0; j < count/tasks; j++ {
				runtime.Gosched()
			}
			group.Done()
		}()
	}
	group.Wait()
}

func spawnOne(count int) {
	for i := 0; i < count; i++ {
		done := make(chan int, 1)
		go func() { done <- 0 }()
		<-done
	}
}

func spawnGroup(count int) {
	for i := 0; i < count/batch; i++ {
		var group sync.WaitGroup
		group.Add(batch)
		for j := 0; j < batch; j++ {
			go group.Done()
		}
		group.Wait()
	}
}

func handOver(capacity, count int) {
	queue := make(chan int, capacity)
	go func() {
		for i := 0; i < count; i++ {
			queue <- i
		}
	}()
	for i := 0; i < count; i++ {
		<-queue
	}
}

func lockFree(count int) {
	var lock sync.Mutex
	for i := 0; i < count; i++ {
		lock.Lock()
		lock.Unlock() //lint:ignore SA2001 measured
	}
}

func lock100(count int) {
	var lock sync.Mutex
	var group sync.WaitGroup
	group.Add(contenders)
	for i := 0; i < contenders; i++ {
		go func() {
			for j := 0; j < count/contenders; j++ {
				lock.Lock()
				runtime.Gosched()
				lock.Unlock()
			}
			group.Done()
		}()
	}
	group.Wait()
}

// A deadline around a wait that is ready, as it is written in Go.
func timeout(count int) {
	ready := make(chan int)
	close(ready)
	for i := 0; i < count; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		select {
		case <-ready:
		case <-ctx.Done():
		}
		cancel()
	}
}

// The same with nothing but a timer.
func timeoutTimer(count int) {
	ready := make(chan int)
	close(ready)
	for i := 0; i < count; i++ {
		timer := time.NewTimer(5 * time.Second)
		select {
		case <-ready:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func sleepersOnce(name string) {
	numbers := random(1)
	var group sync.WaitGroup
	start, startCPU := time.Now(), cpu()
	group.Add(sleepers)
	for i := 0; i < sleepers; i++ {
		delay := time.Duration(numbers.next() * 0.1 * 1e9)
		go func() {
			time.Sleep(delay)
			group.Done()
		}()
	}
	group.Wait()
	report(name, "ns", float64(time.Since(start))/sleepers, float64(cpu()-startCPU)/sleepers)
}

func memoryOf(name string, count int) {
	before := memory()
	for i := 0; i < count; i++ {
		go func() { time.Sleep(1e6 * time.Second) }()
	}
	time.Sleep(10 * time.Millisecond)
	for runtime.NumGoroutine() < count {
		runtime.Gosched()
	}
	report(name, "bytes", (memory()-before)/float64(count), 0)
	os.Exit(0)
}

func cancel10k() {
	var took, used time.Duration
	for round := 0; round < 5; round++ {
		var group sync.WaitGroup
		ctx, cancel := context.WithCancel(context.Background())
		group.Add(cancelled)
		for i := 0; i < cancelled; i++ {
			go func() {
				select {
				case <-ctx.Done():
				case <-time.After(1e6 * time.Second):
				}
				group.Done()
			}()
		}
		time.Sleep(50 * time.Millisecond)
		start, startCPU := time.Now(), cpu()
		cancel()
		group.Wait()
		took, used = time.Since(start), cpu()-startCPU
	}
	report("cancel_10k", "ns", float64(took)/cancelled, float64(used)/cancelled)
}

// A goroutine with a thread of its own and one without: the nearest thing to waking an event loop from a thread.
func wake(count int) {
	question, answer := make(chan int), make(chan int)
	go func() {
		runtime.LockOSThread()
		for i := 0; i < count; i++ {
			<-question
			answer <- 0
		}
	}()
	for i := 0; i < count; i++ {
		question <- 0
		<-answer
	}
}

var measured = []struct {
	name string
	step int
	body func(int)
}{
	{"yield_2", 2, func(n int) { yieldAmong(2, n) }},
	{"yield_1000", 1000, func(n int) { yieldAmong(1000, n) }},
	{"spawn_one", 1, spawnOne},
	{"spawn_gather", batch, spawnGroup}, // there is one way only
	{"spawn_group", batch, spawnGroup},
	{"queue_1", 1, func(n int) { handOver(1, n) }},
	{"queue_128", 1, func(n int) { handOver(128, n) }},
	{"lock_free", 1, lockFree},
	{"lock_100", contenders, lock100},
	{"timeout", 1, timeout},
	{"timeout_timer", 1, timeoutTimer},
	{"wake", 1, wake},
}

var special = []struct {
	name string
	body func()
}{
	{"sleepers", func() { sleepersOnce("sleepers_cold"); sleepersOnce("sleepers_warm") }},
	{"memory_100k", func() { memoryOf("memory_100k", 100000) }},
	{"memory_1m", func() { memoryOf("memory_1m", 1000000) }},
	{"cancel_10k", cancel10k},
}

func core(work, secondsText string) {
	seconds, err := strconv.ParseFloat(secondsText, 64)
	if err != nil {
		seconds = 0.3
	}
	for _, each := range measured {
		if work == "list" {
			fmt.Println(each.name)
		} else if work == each.name {
			measure(work, each.body, each.step, seconds)
		}
	}
	for _, each := range special {
		if work == "list" {
			fmt.Println(each.name)
		} else if work == each.name {
			each.body()
		}
	}
}

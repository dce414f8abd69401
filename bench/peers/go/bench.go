// The works in Go. What programs share: see bench/bench.h, whose measure and output these follow.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func cpu() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func report(work, unit string, value, cpu float64) {
	fmt.Printf("{\"work\": \"%s\", \"unit\": \"%s\", \"value\": %g, \"cpu\": %g}\n", work, unit, value, cpu)
}

// Resident memory and page tables, in bytes.
func memory() float64 {
	text, _ := os.ReadFile("/proc/self/status")
	total := 0
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "VmRSS:") || strings.HasPrefix(line, "VmPTE:") {
			value, _ := strconv.Atoi(strings.Fields(line)[1])
			total += value
		}
	}
	return float64(total) * 1024
}

type random uint32

func (r *random) next() float64 {
	*r = *r*1664525 + 1013904223
	return float64(*r>>8) / 16777216
}

func measure(work string, body func(count int), step int, seconds float64) {
	count := step
	var took float64
	for {
		start := time.Now()
		body(count)
		took = time.Since(start).Seconds()
		if took >= seconds/4 {
			break
		}
		if took < seconds/40 {
			count *= 8
		} else {
			count *= 2
		}
	}
	count = int(float64(count)*seconds/took) / step * step
	if count < step {
		count = step
	}
	start, startCPU := time.Now(), cpu()
	body(count)
	took, used := time.Since(start).Seconds(), (cpu() - startCPU).Seconds()
	report(work, "ns", took*1e9/float64(count), used*1e9/float64(count))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// Usage: bench core WORK [SECONDS] | echo | http | client URL COUNT AT_ONCE | files WORK FOLDER | version
func main() {
	arguments := append(os.Args[1:], "", "", "")
	switch arguments[0] {
	case "core":
		core(arguments[1], arguments[2])
	case "echo":
		echo()
	case "http":
		httpServer()
	case "client":
		httpClient(arguments[1], arguments[2], arguments[3])
	case "files":
		files(arguments[1], arguments[2])
	default:
		fmt.Fprintln(os.Stderr, "usage: bench core WORK [SECONDS] | echo | http | client URL COUNT AT_ONCE | files WORK FOLDER")
		os.Exit(2)
	}
}

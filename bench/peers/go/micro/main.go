// main.go - rt.c and cancel.c in Go: the same cases under the same names
//
//	go-micro [CASE...]      {"case": {"value": microseconds, "n": operations}, ...}; CASE sleepers: MiB of 100,000 sleeping goroutines
//
// GOMAXPROCS is 1, as the others have one thread. CPU time of the process. A goroutine may block, so there is nothing to off-load.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	far      = time.Minute
	hundred  = 100
	thousand = 1000
	message  = 64
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "go-micro:", err)
		os.Exit(1)
	}
}

// many runs work in so many goroutines and waits for them.
func many(tasks int, work func()) {
	var all sync.WaitGroup
	all.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			work()
			all.Done()
		}()
	}
	all.Wait()
}

func nothing() {}

func spawnJoin(n int) {
	for i := 0; i < n; i++ {
		many(1, nothing)
	}
}

func spawnJoin100(n int) {
	for i := 0; i < n/hundred; i++ {
		many(hundred, nothing)
	}
}

func queue(n int) {
	items := make(chan int, hundred)
	go func() {
		for i := 0; i < n; i++ {
			items <- i
		}
		close(items)
	}()
	for range items {
	}
}

func sem(n int) {
	gate := make(chan struct{}, 1)
	for i := 0; i < n; i++ {
		gate <- struct{}{}
		<-gate
	}
}

func semContended(n int) {
	gate := make(chan struct{}, 10)
	many(hundred, func() {
		for i := 0; i < n/hundred; i++ {
			gate <- struct{}{}
			runtime.Gosched()
			<-gate
		}
	})
}

func switches(n int) {
	many(2, func() {
		for i := 0; i < n/2; i++ {
			runtime.Gosched()
		}
	})
}

func checkpoint(n int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for i := 0; i < n; i++ {
		must(ctx.Err())
	}
}

func scope(n int) {
	for i := 0; i < n; i++ {
		_, cancel := context.WithCancel(context.Background())
		cancel()
	}
}

func scopeDeadline(n int) {
	for i := 0; i < n; i++ {
		_, cancel := context.WithTimeout(context.Background(), far)
		cancel()
	}
}

func groupEmpty(n int) {
	for i := 0; i < n; i++ {
		many(0, nothing)
	}
}

func feed(ctx context.Context, n int, items chan<- int) {
	defer close(items)
	for i := 0; i < n; i++ {
		select {
		case items <- i:
		case <-ctx.Done():
			return
		}
	}
}

// queueIn passes n items; both sides watch a context so many deadlines deep.
func queueIn(n, scopes int) {
	ctx := context.Background()
	for i := 0; i < scopes; i++ {
		inner, cancel := context.WithTimeout(ctx, far)
		defer cancel()
		ctx = inner
	}
	items := make(chan int, hundred)
	go feed(ctx, n, items)
	for {
		select {
		case _, ok := <-items:
			if !ok {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func getWithin(ctx context.Context, items <-chan int) bool {
	ctx, cancel := context.WithTimeout(ctx, far)
	defer cancel()
	select {
	case _, ok := <-items:
		return ok
	case <-ctx.Done():
		return false
	}
}

func queueDeadline(n int) {
	items := make(chan int, hundred)
	go feed(context.Background(), n, items)
	for getWithin(context.Background(), items) {
	}
}

// pair is two connected sockets.
func pair() [2]net.Conn {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(err)
	var ends [2]net.Conn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "pair")
		ends[i], err = net.FileConn(file)
		must(err)
		file.Close()
	}
	return ends
}

func play(end net.Conn, n int, deadline bool) {
	var buffer [message]byte
	for i := 0; i < n; i++ {
		_, err := end.Write(buffer[:])
		must(err)
		if deadline {
			must(end.SetReadDeadline(time.Now().Add(far)))
		}
		_, err = end.Read(buffer[:])
		must(err)
	}
}

func read(n int, deadline bool) {
	ends := pair()
	var both sync.WaitGroup
	for _, end := range ends {
		both.Add(1)
		go func(end net.Conn) {
			play(end, n/2, deadline)
			both.Done()
		}(end)
	}
	both.Wait()
	ends[0].Close()
	ends[1].Close()
}

func sleep(n int) {
	many(thousand, func() {
		for i := 0; i < n/thousand; i++ {
			time.Sleep(time.Millisecond)
		}
	})
}

func sleepWithin(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), far)
	defer cancel()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func sleepDeadline(n int) {
	many(thousand, func() {
		for i := 0; i < n/thousand; i++ {
			sleepWithin(time.Millisecond)
		}
	})
}

var cancelled time.Duration

func cancel(n int) {
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			<-ctx.Done()
			all.Done()
		}()
	}
	runtime.Gosched()
	start := cpu()
	stop()
	all.Wait()
	cancelled = cpu() - start
}

func cpu() time.Duration {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func rssMiB() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	must(err)
	var pages, rss int
	_, err = fmt.Sscan(string(text), &pages, &rss)
	must(err)
	return float64(rss*os.Getpagesize()) / (1 << 20)
}

func sleepers() {
	before := rssMiB()
	const count = 100000
	for i := 0; i < count; i++ {
		go time.Sleep(far)
	}
	time.Sleep(time.Second)
	must(json.NewEncoder(os.Stdout).Encode(map[string]figure{"sleepers": {rssMiB() - before, count}}))
}

type figure struct {
	Value float64 `json:"value"`
	N     int     `json:"n"`
}

type micro struct {
	name string
	run  func(n int)
	n    int
}

var cases = []micro{
	{"spawn_join", spawnJoin, 200000},
	{"spawn_join_100", spawnJoin100, 500000},
	{"queue", queue, 2000000},
	{"sem", sem, 5000000},
	{"sem_contended", semContended, 500000},
	{"switch", switches, 2000000},
	{"checkpoint", checkpoint, 5000000},
	{"scope", scope, 500000},
	{"scope_deadline", scopeDeadline, 200000},
	{"group_empty", groupEmpty, 5000000},
	{"queue_0", queue, 2000000},
	{"queue_1", func(n int) { queueIn(n, 1) }, 1000000},
	{"queue_10", func(n int) { queueIn(n, 10) }, 1000000},
	{"queue_deadline", queueDeadline, 200000},
	{"read", func(n int) { read(n, false) }, 100000},
	{"read_deadline", func(n int) { read(n, true) }, 100000},
	{"sleep", sleep, 100000},
	{"sleep_deadline", sleepDeadline, 100000},
	{"cancel", cancel, 100000},
}

func (m micro) us() float64 {
	m.run(m.n / 10)
	runtime.GC()
	cancelled = 0
	start := cpu()
	m.run(m.n)
	took := cpu() - start
	if cancelled > 0 {
		took = cancelled
	}
	return float64(took.Nanoseconds()) / 1000 / float64(m.n)
}

func main() {
	runtime.GOMAXPROCS(1)
	asked := " " + strings.Join(os.Args[1:], " ") + " "
	if asked == " sleepers " {
		sleepers()
		return
	}
	figures := map[string]figure{}
	for _, m := range cases {
		if len(os.Args) == 1 || strings.Contains(asked, " "+m.name+" ") {
			figures[m.name] = figure{m.us(), m.n}
		}
	}
	must(json.NewEncoder(os.Stdout).Encode(figures))
}

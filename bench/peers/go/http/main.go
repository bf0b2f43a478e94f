// main.go - the same job on Go's net/http: read ids, GET, take one field, write a line
//
//	go-http IDS OUT URL CONCURRENCY      IDS holds {"id": n} lines; URL ends before the id
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
)

type record struct {
	ID  int64  `json:"id"`
	Ref string `json:"ref"`
}

type answer struct {
	Customer struct {
		Ref string `json:"ref"`
	} `json:"customer"`
}

type sink struct {
	lock sync.Mutex
	out  *bufio.Writer
}

func (s *sink) put(r record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	_, err = s.out.Write(append(line, '\n'))
	return err
}

func exchange(client *http.Client, url string) (answer, error) {
	var a answer
	res, err := client.Get(url)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return a, err
	}
	if res.StatusCode != http.StatusOK {
		return a, fmt.Errorf("%s: %s", url, res.Status)
	}
	return a, json.Unmarshal(body, &a)
}

func work(client *http.Client, url string, records <-chan record, s *sink) error {
	for r := range records {
		a, err := exchange(client, url+strconv.FormatInt(r.ID, 10))
		if err != nil {
			return err
		}
		r.Ref = a.Customer.Ref
		if err := s.put(r); err != nil {
			return err
		}
	}
	return nil
}

func feed(path string, records chan<- record) error {
	defer close(records)
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return err
		}
		records <- r
	}
	return lines.Err()
}

func run(ids, out, url string, concurrency int) error {
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	s := &sink{out: bufio.NewWriterSize(file, 1<<16)}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = concurrency, concurrency
	client := &http.Client{Transport: transport}
	records := make(chan record)
	failed := make(chan error, concurrency+1)
	var workers sync.WaitGroup
	for i := 0; i < concurrency; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			if err := work(client, url, records, s); err != nil {
				failed <- err
			}
		}()
	}
	fed := make(chan error, 1)
	go func() { fed <- feed(ids, records) }()
	workers.Wait()
	select {
	case err := <-failed:
		return err
	case err := <-fed:
		if err != nil {
			return err
		}
	}
	if err := s.out.Flush(); err != nil {
		return err
	}
	return file.Close()
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: go-http IDS OUT URL CONCURRENCY")
		os.Exit(2)
	}
	concurrency, err := strconv.Atoi(os.Args[4])
	if err == nil {
		err = run(os.Args[1], os.Args[2], os.Args[3], concurrency)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "go-http:", err)
		os.Exit(1)
	}
}

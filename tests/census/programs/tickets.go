// Leaks of Go programs, beside a population that is renewed all the time:
//
//	tickets --for SECONDS --leak N --population N --churn N --kind ticket|buffer|goroutine|closure
//
// N objects a second leak; so many of the population are renewed a second.
package main

import (
	"flag"
	"fmt"
	"math/rand"
	"time"
)

// Ticket is of the size class of 96 bytes.
type Ticket struct {
	id    int
	owner *string
	next  *Ticket
	note  [8]int
}

var (
	tickets   = map[int]*Ticket{}
	buffers   [][]byte
	never     = make(chan int)
	shortLife []byte
)

func serveForever(id int) {
	<-never
	fmt.Println(id)
}

func leak(kind string, id int) {
	switch kind {
	case "ticket":
		tickets[id] = &Ticket{id: id}
	case "buffer":
		buffers = append(buffers, make([]byte, 3000))
	case "goroutine":
		go serveForever(id)
	case "closure":
		time.AfterFunc(time.Hour, func() { serveForever(id) })
	}
}

func main() {
	seconds := flag.Float64("for", 60, "")
	rate := flag.Int("leak", 500, "")
	population := flag.Int("population", 50000, "")
	churn := flag.Int("churn", 5000, "")
	kind := flag.String("kind", "ticket", "")
	flag.Parse()

	live := make([]*Ticket, *population)
	texts := make([]string, *population/10)
	for i := range live {
		live[i] = &Ticket{id: i}
	}
	for i := range texts {
		texts[i] = fmt.Sprint("ticket number ", i)
	}
	fmt.Println("ready")
	begin := time.Now()
	leaked, renewed := 0, 0
	for time.Since(begin).Seconds() < *seconds {
		gone := time.Since(begin).Seconds()
		for ; float64(leaked) < gone*float64(*rate); leaked++ {
			leak(*kind, leaked)
		}
		for ; float64(renewed) < gone*float64(*churn); renewed++ {
			live[rand.Intn(len(live))] = &Ticket{id: renewed}
			texts[rand.Intn(len(texts))] = fmt.Sprint("ticket number ", renewed)
			shortLife = make([]byte, rand.Intn(4000))
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Println(len(live), len(texts))
}

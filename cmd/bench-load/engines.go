package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"spoor/internal/store/postgres/pgtest"
)

// engineRun measures the two engines of the product side by side: the same
// binary, the same set, the same requests, taking turns.
type engineRun struct {
	bench
	cluster  *pgtest.Cluster
	dsn      string
	products [2]product // the embedded engine, PostgreSQL
	imports  [2]imported
	bytes    [2]int64
	servers  [2]*process
	keys     [2]string
}

// engineNames are the columns.
func engineNames() [2]string { return [2]string{"SQLite", "PostgreSQL"} }

// engines runs the measurement and prints it.
func engines(ctx context.Context, o options, work string, stdout, stderr io.Writer) (err error) {
	if o.postgres == "" {
		o.postgres = findPostgres
	}
	logFile, err := os.Create(filepath.Join(work, "spoor.log"))
	if err != nil {
		return fmt.Errorf("make log: %w", err)
	}
	e := engineRun{bench: bench{options: o, work: work, stdout: stdout, stderr: stderr}}
	defer func() {
		if err = errors.Join(err, logFile.Close()); err != nil {
			e.tail(logFile.Name())
		}
	}()
	if e.cluster, err = startPostgres(ctx, o.postgres, filepath.Join(work, "pg")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.cluster.Close()) }()
	e.dsn = e.cluster.SocketDSN("postgres")
	e.products = [2]product{
		{binary: o.spoor, data: filepath.Join(work, "data"), stderr: logFile},
		{binary: o.spoor, data: filepath.Join(work, "none"), store: e.dsn, stderr: logFile},
	}
	if err := e.load(ctx); err != nil {
		return err
	}
	s, err := readSet(e.products[0].storePath())
	if err != nil {
		return err
	}
	if err := e.print(s); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(e.seed, 2)) //nolint:gosec // repeatable on purpose
	exact, contains := exactClasses(s, r), containsClasses(s, r)
	if err := e.inProcess(ctx, e.chosen(append(exact[:3:3], contains...))); err != nil {
		return err
	}
	return e.overHTTP(ctx, logFile, e.chosen(append(exact[:3:3], contains...)))
}

// load imports the set into both.
func (e *engineRun) load(ctx context.Context) (err error) {
	path := e.set
	if e.rows > 0 {
		path = filepath.Join(e.work, "generated.csv")
		if err := generate(path, e.rows, e.seed); err != nil {
			return err
		}
	}
	for i, p := range e.products {
		e.say("importing %s into %s", path, engineNames()[i])
		if e.imports[i], err = p.importSet(ctx, path); err != nil {
			return err
		}
		if e.keys[i], err = p.key(ctx); err != nil {
			return err
		}
	}
	if e.bytes[0], err = e.products[0].diskBytes(); err != nil {
		return err
	}
	conn, err := connectPostgres(ctx, e.cluster)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	const size = `SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`
	if err := conn.QueryRow(ctx, size).Scan(&e.bytes[1]); err != nil {
		return fmt.Errorf("measure postgres: %w", err)
	}
	e.say("vacuum and warm")
	return loader{conn: conn}.exec(ctx, `VACUUM ANALYZE`, `CREATE EXTENSION IF NOT EXISTS pg_prewarm`,
		`SELECT pg_prewarm(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')`)
}

func (e *engineRun) print(s *set) error {
	_, err := fmt.Fprintf(e.stdout, "%s, seed %d, %d connections, median of %d rounds of %s; %d records\n\n", processor(), e.seed, e.connections, e.rounds, e.leg, len(s.entries))
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "| | %s | %s |\n|---|---|---|\n", engineNames()[0], engineNames()[1])
	fmt.Fprintf(e.stdout, "| import | %.1f s, %.0f new records/s | %.1f s, %.0f new records/s |\n", e.imports[0].elapsed.Seconds(), perSecond(e.imports[0]), e.imports[1].elapsed.Seconds(), perSecond(e.imports[1]))
	n := int64(len(s.entries))
	_, err = fmt.Fprintf(e.stdout, "| disk | %.0f MB, %d bytes a record | %.0f MB, %d bytes a record |\n\n", mega(e.bytes[0]), e.bytes[0]/n, mega(e.bytes[1]), e.bytes[1]/n)
	return err
}

func perSecond(i imported) float64 { return float64(i.New) / i.elapsed.Seconds() }

// overHTTP drives both servers with the same requests, the order changing
// every round.
func (e *engineRun) overHTTP(ctx context.Context, log io.Writer, all []class) (err error) {
	for i, p := range e.products {
		if e.servers[i], err = p.serve(ctx, log); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.servers[i].stop()) }()
	}
	fmt.Fprintf(e.stdout, "Over HTTP, %d connections:\n\n| class | SQLite requests/s | p50 µs | PostgreSQL requests/s | p50 µs | PostgreSQL ÷ SQLite |\n|---|---|---|---|---|---|\n", e.connections)
	for _, c := range all {
		e.say("over HTTP: %s", c.name)
		var scripts [2]*script
		for i := range scripts {
			var requests [][]byte
			for _, q := range c.queries[:min(exactValues, len(c.queries))] {
				requests = append(requests, request(e.servers[i].address, c.target(q), e.keys[i]))
			}
			scripts[i] = &script{address: e.servers[i].address, requests: requests, want: c.want}
			if _, err := scripts[i].drive(ctx, e.connections, e.leg/2, 0); err != nil {
				return err
			}
		}
		var rates [2][]float64
		var p50 [2][]time.Duration
		var ratios []float64
		for round := range e.rounds {
			var here [2]leg
			for turn := range 2 {
				i := (turn + round) % 2
				if here[i], err = scripts[i].drive(ctx, e.connections, e.leg, 0); err != nil {
					return err
				}
				rates[i], p50[i] = append(rates[i], here[i].perSecond()), append(p50[i], here[i].percentile(50))
			}
			ratios = append(ratios, here[1].perSecond()/here[0].perSecond())
		}
		fmt.Fprintf(e.stdout, "| %s | %.0f | %d | %.0f | %d | %.2f |\n", c.name, median(rates[0]), median(p50[0]).Microseconds(),
			median(rates[1]), median(p50[1]).Microseconds(), median(ratios))
	}
	_, err = fmt.Fprintln(e.stdout)
	return err
}

package riverqueue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

func openFile(t *testing.T) *Queue {
	t.Helper()
	q, err := Open(t.Context(), filepath.Join(t.TempDir(), "queue.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	return q
}

// What waits for the disk is told by SQLite itself: 1 is NORMAL, 2 is FULL.
func TestOnlyAnswersAndInsertsWaitForTheDisk(t *testing.T) {
	q := openFile(t)
	level := func(from interface{ QueryRow(string, ...any) *sql.Row }) (level int) {
		if err := from.QueryRow("PRAGMA synchronous").Scan(&level); err != nil {
			t.Fatal(err)
		}
		return level
	}
	failed := errors.New("failed")
	for round, want := range []error{nil, nil, failed, nil} {
		if got := level(q.db); got != 1 {
			t.Errorf("round %d: other statements are written with level %d, want 1", round, got)
		}
		within := 0
		err := q.inTransaction(t.Context(), func(tx *sql.Tx) error {
			within = level(tx)
			return want
		})
		if !errors.Is(err, want) || within != 2 {
			t.Errorf("round %d: the transaction ended with %v and was written with level %d, want 2", round, err, within)
		}
	}
	if got := level(q.db); got != 1 {
		t.Errorf("at the end statements are written with level %d, want 1", got)
	}
}

// A kept statement must see what changed since it was parsed: values, and the tables themselves.
func TestKeptStatements(t *testing.T) {
	q := openFile(t)
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := q.db.ExecContext(t.Context(), text, args...); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	for round := range 3 {
		exec("CREATE TABLE kept (a INTEGER PRIMARY KEY, b TEXT)")
		for i := range 5 {
			exec("INSERT INTO kept (a, b) VALUES (?, ?)", i, fmt.Sprint(round, "/", i))
		}
		var b string
		if err := q.db.QueryRowContext(t.Context(), "SELECT b FROM kept WHERE a = ?", 3).Scan(&b); err != nil || b != fmt.Sprint(round, "/", 3) {
			t.Fatalf("round %d: got %q, %v", round, b, err)
		}
		exec("DROP TABLE kept")
	}
}

// A statement is run again while its rows are read, as a loop over rows does that looks each of them up.
func TestKeptStatementWithinItself(t *testing.T) {
	q := openFile(t)
	err := q.inTransaction(t.Context(), func(tx *sql.Tx) error {
		const numbers = "SELECT value FROM json_each('[1,2,3]') WHERE value >= ?"
		outer, err := tx.Query(numbers, 1)
		if err != nil {
			return err
		}
		defer func() { _ = outer.Close() }()
		sum := 0
		for outer.Next() {
			var a, b int
			if err := errors.Join(outer.Scan(&a), tx.QueryRow(numbers, a).Scan(&b)); err != nil {
				return err
			}
			sum += a*10 + b
		}
		if sum != 66 {
			t.Errorf("got %d, want 66", sum)
		}
		return outer.Err()
	})
	if err != nil {
		t.Error(err)
	}
}

// A platform with a text of its own for each statement must not fill the memory.
func TestKeptStatementsAreBounded(t *testing.T) {
	q := openFile(t)
	for i := range 3 * maxKept {
		var got int
		if err := q.db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT %d", i)).Scan(&got); err != nil || got != i {
			t.Fatalf("got %d, %v; want %d", got, err, i)
		}
	}
	conn, err := q.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	err = conn.Raw(func(raw any) error {
		if kept := len(raw.(*keepingConn).kept); kept < 1 || kept > maxKept {
			t.Errorf("%d statements are kept, want 1 to %d", kept, maxKept)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A statement whose context ends while it runs is whole for the next that uses it.
func TestKeptStatementsOutliveTheirContext(t *testing.T) {
	q := openFile(t)
	// Counts up to a million, which takes longer than it gets.
	const long = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT count(*) FROM n"
	ended := 0
	for i := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*100*time.Microsecond)
		var count int
		if err := q.db.QueryRowContext(ctx, long, 1_000_000).Scan(&count); err != nil {
			ended++
		}
		cancel()
		if err := q.db.QueryRowContext(t.Context(), long, 10).Scan(&count); err != nil || count != 10 {
			t.Fatalf("after %d: counted %d, %v; want 10", i, count, err)
		}
	}
	if ended == 0 {
		t.Error("no statement was broken off")
	}
}

package riverqueue

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"

	"modernc.org/sqlite"
)

// maxKept is how many prepared statements a connection keeps. River and this package have some thirty in use.
const maxKept = 100

// openKeeping opens the file with connections that keep their prepared statements. River hands each statement over as text, every time, and
// to parse it was half of the processor time of a job in the queue.
func openKeeping(dataSource string) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(dataSource)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(&keepingConnector{connector}), nil
}

// keepingConnector opens keeping connections.
type keepingConnector struct{ driver.Connector }

// Connect implements [driver.Connector].
func (c *keepingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := opened.(sqliteConn)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver's connections lack a method that is needed"), opened.Close())
	}
	return &keepingConn{sqliteConn: inner, kept: map[string]*keptStatement{}}, nil
}

// sqliteConn is what the driver's connections can do, of which database/sql makes use.
type sqliteConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// keepingConn is a connection. As any, it is used by one goroutine at a time.
type keepingConn struct {
	sqliteConn
	kept map[string]*keptStatement // by text
}

// keptStatement is a prepared statement. One whose rows are being read cannot be run a second time.
type keptStatement struct {
	driver.Stmt
	execer  driver.StmtExecContext
	queryer driver.StmtQueryContext
	reading bool
}

// statement is the prepared one of the text, nil where that is in use, and for a PRAGMA: some of them act when they are parsed, and would
// act once.
func (c *keepingConn) statement(ctx context.Context, text string) (*keptStatement, error) {
	if strings.HasPrefix(text, "PRAGMA") {
		return nil, nil //nolint:nilnil // the caller goes without
	}
	if s, ok := c.kept[text]; ok {
		if s.reading {
			return nil, nil //nolint:nilnil // the caller goes without
		}
		return s, nil
	}
	if len(c.kept) >= maxKept {
		if err := c.forget(); err != nil {
			return nil, err
		}
	}
	prepared, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s := &keptStatement{Stmt: prepared}
	var executes, queries bool
	s.execer, executes = prepared.(driver.StmtExecContext)
	s.queryer, queries = prepared.(driver.StmtQueryContext)
	if !executes || !queries {
		return nil, errors.Join(errors.New("the SQLite driver's statements lack a method that is needed"), prepared.Close())
	}
	c.kept[text] = s
	return s, nil
}

// forget closes what is not in use.
func (c *keepingConn) forget() error {
	var errs []error
	for text, s := range c.kept {
		if !s.reading {
			errs = append(errs, s.Close())
			delete(c.kept, text)
		}
	}
	return errors.Join(errs...)
}

// ExecContext implements [driver.ExecerContext].
func (c *keepingConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.ExecContext(ctx, text, args)
	}
	return s.execer.ExecContext(ctx, args)
}

// QueryContext implements [driver.QueryerContext].
func (c *keepingConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.QueryContext(ctx, text, args)
	}
	rows, err := s.queryer.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.reading = true
	return &keptRows{Rows: rows, of: s}, nil
}

// Close closes the connection and its statements.
func (c *keepingConn) Close() error {
	return errors.Join(c.forget(), c.sqliteConn.Close())
}

// keptRows give their statement free when they are closed.
type keptRows struct {
	driver.Rows
	of *keptStatement
}

// Close implements [driver.Rows].
func (r *keptRows) Close() error {
	err := r.Rows.Close()
	r.of.reading = false
	return err
}

import GRDB

/// The tables of the store. Migrations are only ever added: a store of any earlier version can be opened.
enum QueueSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("jobs") { db in
            // AUTOINCREMENT: an id is never given twice, though its row be gone. Dates are seconds since 1970.
            try db.execute(
                sql: """
                    CREATE TABLE jobs (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        drop_token TEXT UNIQUE,
                        visible INTEGER NOT NULL,
                        announced INTEGER NOT NULL DEFAULT 0,
                        name TEXT, kind TEXT, owner TEXT, directory TEXT,
                        priority INTEGER NOT NULL DEFAULT 0,
                        waits_for TEXT NOT NULL DEFAULT '[]',
                        not_before REAL, time_limit REAL,
                        retries INTEGER NOT NULL DEFAULT 0,
                        threads INTEGER, memory INTEGER,
                        submitted_at REAL, started_at REAL, finished_at REAL,
                        state TEXT, retry_after REAL,
                        hold_cause TEXT, hold_detail TEXT,
                        run_since REAL, run_threads INTEGER, run_memory INTEGER,
                        stop_cause TEXT, stop_since REAL, stop_killed INTEGER,
                        attempt INTEGER NOT NULL DEFAULT 0,
                        crashes INTEGER NOT NULL DEFAULT 0,
                        failures INTEGER NOT NULL DEFAULT 0,
                        ran_for REAL NOT NULL DEFAULT 0,
                        error TEXT
                    );
                    CREATE INDEX jobs_by_state ON jobs (state, id);
                    CREATE INDEX jobs_by_name ON jobs (name, id);
                    CREATE INDEX jobs_unannounced ON jobs (id) WHERE NOT announced;
                    CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("progress") { db in
            try db.execute(
                sql: """
                    ALTER TABLE jobs ADD COLUMN progress TEXT;
                    ALTER TABLE jobs ADD COLUMN workload TEXT;
                    ALTER TABLE jobs ADD COLUMN steps INTEGER;
                    CREATE TABLE rates (workload TEXT PRIMARY KEY, seconds_per_step REAL NOT NULL) WITHOUT ROWID;
                    """)
        }
        return migrator
    }
}

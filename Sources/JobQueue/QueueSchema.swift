import GRDB

/// The tables of the store. Migrations are only ever added: a store of any earlier version can be opened.
enum QueueSchema {
    /// The columns that are read and written, by table.
    private static let columns = [
        "jobs": [
            "id", "drop_token", "visible", "announced", "name", "kind", "owner", "directory", "priority", "waits_for",
            "not_before", "time_limit", "retries", "threads", "memory", "submitted_at", "started_at", "finished_at",
            "state", "retry_after", "hold_cause", "hold_detail", "run_since", "run_threads", "run_memory", "stop_cause",
            "stop_since", "stop_killed", "attempt", "crashes", "failures", "ran_for", "error",
        ],
        "settings": ["key", "value"],
    ]

    /// Throws when a table lacks a column: damage of the schema's text is none for SQLite. A store that is still empty
    /// passes.
    static func prove(_ db: Database) throws {
        guard try db.tableExists("grdb_migrations") else { return }
        let all = try migrator.hasCompletedMigrations(db)
        let tables = all ? columns.merging(later) { $0 + $1 } : columns
        for (table, names) in tables {
            let found = try db.tableExists(table) ? Set(db.columns(in: table).map(\.name)) : []
            if let missing = names.first(where: { !found.contains($0) }) {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "\(table) has no column \(missing)")
            }
        }
    }

    /// Those of later migrations.
    private static let later = [
        "jobs": ["progress", "workload", "steps", "inputs", "prompt"], "rates": ["workload", "seconds_per_step"],
    ]

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
        migrator.registerMigration("inputs") { db in
            try db.execute(sql: "ALTER TABLE jobs ADD COLUMN inputs TEXT")
        }
        migrator.registerMigration("prompt") { db in
            try db.execute(sql: "ALTER TABLE jobs ADD COLUMN prompt TEXT")
        }
        return migrator
    }
}

"""From schema 3 to 4: the tables of a school, and students known by an id of their own."""

from collections.abc import Mapping
from types import MappingProxyType

STATEMENTS = (
    "CREATE TABLE students_by_id (student_id TEXT {by_code_point} NOT NULL, name TEXT NOT NULL, fields TEXT NOT NULL,"
    " PRIMARY KEY (student_id))",
    "INSERT INTO students_by_id SELECT name, name, fields FROM students",
    "DROP TABLE students",
    "ALTER TABLE students_by_id RENAME TO students",
    "CREATE TABLE accounts (account_id TEXT {by_code_point} NOT NULL, login TEXT NOT NULL, name TEXT NOT "
    "NULL, role TEXT NOT NULL, password TEXT NOT NULL, created TEXT {by_code_point}, disabled BOOLEAN NOT "
    "NULL, must_change BOOLEAN NOT NULL, failures INTEGER NOT NULL, locked_until TEXT {by_code_point}, "
    "PRIMARY KEY (account_id), UNIQUE (login))",
    "CREATE TABLE sign_ins (digest TEXT {by_code_point} NOT NULL, account_id TEXT NOT NULL, created TEXT "
    "{by_code_point}, expires TEXT {by_code_point}, browser TEXT NOT NULL, PRIMARY KEY (digest))",
    "CREATE INDEX sign_ins_by_account ON sign_ins (account_id)",
    "CREATE TABLE courses (course_id TEXT {by_code_point} NOT NULL, name TEXT NOT NULL, fields TEXT NOT NULL, "
    "archived BOOLEAN NOT NULL, PRIMARY KEY (course_id))",
    "CREATE TABLE members (course_id TEXT {by_code_point} NOT NULL, student_id TEXT {by_code_point} NOT NULL, "
    "PRIMARY KEY (course_id, student_id))",
    "CREATE INDEX members_by_student ON members (student_id, course_id)",
    "CREATE TABLE staff (course_id TEXT {by_code_point} NOT NULL, account_id TEXT {by_code_point} NOT NULL, "
    "PRIMARY KEY (course_id, account_id))",
    "CREATE INDEX staff_by_account ON staff (account_id, course_id)",
    "CREATE TABLE consents (student_id TEXT {by_code_point} NOT NULL, given_by TEXT NOT NULL, purpose TEXT "
    "NOT NULL, given TEXT {by_code_point}, recorded_by TEXT NOT NULL, withdrawn TEXT {by_code_point}, PRIMARY "
    "KEY (student_id))",
    "CREATE TABLE portraits (portrait_id TEXT {by_code_point} NOT NULL, student_id TEXT NOT NULL, face_id "
    "TEXT NOT NULL, key TEXT NOT NULL, added TEXT {by_code_point}, added_by TEXT NOT NULL, resembles TEXT NOT "
    "NULL, PRIMARY KEY (portrait_id))",
    "CREATE INDEX portraits_by_student ON portraits (student_id)",
    "CREATE TABLE lessons (lesson_id TEXT {by_code_point} NOT NULL, course_id TEXT NOT NULL, title TEXT NOT "
    "NULL, starts TEXT {by_code_point}, minutes INTEGER NOT NULL, grace INTEGER NOT NULL, created_by TEXT NOT "
    "NULL, PRIMARY KEY (lesson_id))",
    "CREATE INDEX lessons_by_course ON lessons (course_id, starts)",
    "CREATE INDEX lessons_by_time ON lessons (starts)",
    "CREATE TABLE evidence (evidence_id TEXT {by_code_point} NOT NULL, lesson_id TEXT NOT NULL, kind TEXT NOT "
    "NULL, name TEXT NOT NULL, key TEXT NOT NULL, job_id TEXT NOT NULL, added TEXT {by_code_point}, added_by "
    "TEXT NOT NULL, taken TEXT {by_code_point}, late BOOLEAN NOT NULL, state TEXT NOT NULL, reason TEXT NOT "
    "NULL, found TEXT NOT NULL, PRIMARY KEY (evidence_id))",
    "CREATE INDEX evidence_by_lesson ON evidence (lesson_id)",
    "CREATE TABLE seen (seen_id TEXT {by_code_point} NOT NULL, lesson_id TEXT NOT NULL, evidence_id TEXT NOT "
    "NULL, box TEXT NOT NULL, at DOUBLE PRECISION NOT NULL, student_id TEXT NOT NULL, similarity DOUBLE "
    "PRECISION NOT NULL, certain BOOLEAN NOT NULL, reasons TEXT NOT NULL, crop TEXT NOT NULL, model TEXT NOT "
    "NULL, vector {bytes} NOT NULL, seen TEXT {by_code_point}, verdict TEXT NOT NULL, is_student TEXT NOT "
    "NULL, judged_by TEXT NOT NULL, judged TEXT {by_code_point}, PRIMARY KEY (seen_id))",
    "CREATE INDEX seen_by_lesson ON seen (lesson_id)",
    "CREATE INDEX seen_by_student ON seen (student_id)",
    "CREATE INDEX seen_by_time ON seen (seen)",
    "CREATE TABLE remembered (seen_id TEXT {by_code_point} NOT NULL, student_id TEXT {by_code_point} NOT "
    "NULL, is_student BOOLEAN NOT NULL, model TEXT NOT NULL, vector {bytes} NOT NULL, judged_by TEXT NOT "
    "NULL, judged TEXT {by_code_point}, PRIMARY KEY (seen_id, student_id))",
    "CREATE INDEX remembered_by_student ON remembered (student_id)",
    "CREATE TABLE marks (lesson_id TEXT {by_code_point} NOT NULL, student_id TEXT {by_code_point} NOT NULL, "
    "status TEXT NOT NULL, note TEXT NOT NULL, marked_by TEXT NOT NULL, marked TEXT {by_code_point}, PRIMARY "
    "KEY (lesson_id, student_id))",
    "CREATE TABLE register_lines (lesson_id TEXT {by_code_point} NOT NULL, student_id TEXT {by_code_point} "
    "NOT NULL, status TEXT NOT NULL, similarity DOUBLE PRECISION, seen_id TEXT NOT NULL, by_hand BOOLEAN NOT "
    "NULL, changed TEXT {by_code_point}, otherwise TEXT NOT NULL, PRIMARY KEY (lesson_id, student_id))",
    "CREATE INDEX register_lines_by_student ON register_lines (student_id)",
    "CREATE INDEX register_lines_by_status ON register_lines (lesson_id, status, student_id)",
    "CREATE TABLE audit_entries (number INTEGER NOT NULL, time TEXT {by_code_point}, account_id TEXT NOT "
    "NULL, action TEXT NOT NULL, subject TEXT NOT NULL, details TEXT NOT NULL, previous TEXT NOT NULL, digest "
    "TEXT NOT NULL, PRIMARY KEY (number))",
    "CREATE INDEX audit_entries_by_subject ON audit_entries (subject)",
    "CREATE INDEX audit_entries_by_action ON audit_entries (action, number)",
    "CREATE INDEX audit_entries_by_time ON audit_entries (time)",
    "CREATE TABLE school_settings (name TEXT {by_code_point} NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name))",
    "CREATE TABLE roster_previews (preview_id TEXT {by_code_point} NOT NULL, account_id TEXT NOT NULL, created TEXT "
    "{by_code_point}, content TEXT NOT NULL, digest TEXT NOT NULL, counts TEXT NOT NULL, PRIMARY KEY (preview_id))",
)

_REFUSAL = "the audit log is only ever added to"

ONLY_ADDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sqlite": (
            "CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries"
            f" BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
            "CREATE TRIGGER audit_entries_remain BEFORE DELETE ON audit_entries"
            f" BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
            # INSERT OR REPLACE would delete without a word to the one above.
            "CREATE TRIGGER audit_entries_are_new BEFORE INSERT ON audit_entries"
            " WHEN EXISTS (SELECT 1 FROM audit_entries WHERE number = NEW.number)"
            " BEGIN SELECT RAISE(ABORT, 'the audit log has this entry already'); END",
        ),
        "postgresql": (
            "CREATE OR REPLACE FUNCTION audit_entries_stay() RETURNS trigger LANGUAGE plpgsql"
            f" AS $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
            "CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries"
            " FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_stay()",
        ),
    }
)
"""What makes each database refuse to change or remove an entry of the audit log, whoever asks."""

-- Tells staff and creators of jobs of one business that became late, each once. `told` is null when no business has a day to tell
-- of.
-- $1 limit_rows: jobs at once
-- nullable: told
-- index: overdue_watch_pk, jobs_due_ix
select shop.tell_overdue_jobs($1::int) as told;

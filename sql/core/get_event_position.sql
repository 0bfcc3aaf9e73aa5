-- The number of the newest event: who listens from now on asks for what comes after it.
-- $1 least: what to say when there is none
-- index: outbox_seq_uq
select coalesce((select max(o.seq) from core.outbox o where o.seq > 0), $1::int)::text as seq;

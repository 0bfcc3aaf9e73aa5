-- The number of the newest event, or else of the last one that was forgotten, $1 at least: who listens from now on asks for
-- what comes after it.
-- $1 least: 0
-- index: outbox_seq_uq
select greatest($1::int, coalesce((select max(o.seq) from core.outbox o where o.seq > 0), f.seq))::text as seq
from core.outbox_forgotten f;

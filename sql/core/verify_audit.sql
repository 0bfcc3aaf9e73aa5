-- Proves the hash chain of the audit trail; reads all of it. `reason` is null when nothing is broken; what it says else is
-- told at core.verify_audit.
-- $1 subject: what the result is called
-- nullable: reason, seq, id, at
-- scan: every row is part of the proof
select $1::text as subject, v.verified::text as verified, v.unsealed::text as unsealed, v.reason, v.seq::text as seq,
       v.id::text as id, core.iso(v.at) as at
from core.verify_audit() v;

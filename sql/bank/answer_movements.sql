-- Answers requests to move money, each under its own key, in order: status 201 with the transfer, 422 with the problem that
-- refused it, what the first request with the key was answered, or 0 and the name of what is wrong with the key.
-- $1 movements: array of bank.movement, as JSON
-- $2 problems: what the catalogue says of each refusal, by code, as JSON
-- $3 invalidation (nullable): what the call makes wrong in the cache
-- nullable: location, version
-- index: idempotency_keys_pk, accounts_pk, balances_pk
select number, status, body, location, version, is_replayed
from bank.answer_movements($1::text::jsonb, $2::text::jsonb, $3::text::jsonb);

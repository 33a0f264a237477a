-- Settles any number of reservations and makes one more, over all accounts at once.
--
-- KEYS: the mark of the slot; the registries of the tenants; for each account its state, its holds, its index and, for a rolling window, its slots;
-- the records of the ids.
-- ARGV: 1 the numbers of the request; 2 the newest mark of the slot that the client knows, or a name for it that is new; then the ids, and the names of accounts whose keys hold only hashes.
-- Returns {1, now, the slot's mark, for each settlement its answer, the reservation's answer}, or {0, now} when the stretches that were sent do
-- not hold the server's moment: the client's clock is wrong, and it asks again with this one.

--- @include numbers.lua
--- @include clock.lua
--- @include state.lua
--- @include stretches.lua
--- @include holds.lua
--- @include account.lua
--- @include records.lua
--- @include admission.lua
--- @include reservation.lua
--- @include settlement.lua
--- @include listing.lua

local MARK_LIFE_MS = '7776000000'

local function readMark(text)
  local epoch, count, losses = text:match('^([^:]+):?(%d*):?(%d*)$')
  return epoch, tonumber(count) or 0, tonumber(losses) or 0
end

readFrom(ARGV[1])
readClock(nextNumber())
local registries, remember, isReserving = nextNumber(), nextNumber(), nextNumber() == 1
local accounts = nextAccounts(registries + 2)
if not accounts then return { 0, now } end
for _, account in ipairs(accounts) do loadAccount(account) end

local refs = {}
for number = 1, nextNumber() do refs[number] = nextRef() end

-- The mark tells which data this is: an epoch, how many messages it has answered, and how often it lost the last of them. A
-- server that was emptied, or another in its place, has another epoch; one that lost its last writes, as a replica can that
-- takes over, has answered fewer messages than the client knows of, and then everybody is told by the third figure.
local seenEpoch, seenCount, seenLosses = readMark(ARGV[2])
local found, epoch, count, losses = redis.call('GET', KEYS[1]), nil, 0, 0
if found then epoch, count, losses = readMark(found) else epoch = ('%s+%.0f'):format(seenEpoch:match('^[^+]+'), now) end
if epoch == seenEpoch and losses <= seenLosses and (count < seenCount or losses < seenLosses) then losses = seenLosses + 1 end
local mark = ('%s:%.0f:%.0f'):format(epoch, count + 1, losses)
-- What is written first decides on a full server: a reservation writes the mark, and is refused before anything is changed;
-- settlements first prolong its life, which a full server lets pass, and all that follows in the same script with it.
if not isReserving then redis.call('PEXPIRE', KEYS[1], MARK_LIFE_MS) end
redis.call('SET', KEYS[1], mark, 'PX', MARK_LIFE_MS)

push(1)
push(now)
push(mark)
for _ = 1, nextNumber() do settleNext(refs, accounts, remember) end
if isReserving then reserveNext(refs, accounts) end

for _, account in ipairs(accounts) do
  if account.isSpent or account.isNew then listAccount(account) end
  if account.isChanged then saveAccount(account) end
end
return reply

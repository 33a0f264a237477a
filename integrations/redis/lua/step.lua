-- Settles any number of reservations and makes any number of further ones, over all accounts at once.
--
-- KEYS: the mark of the slot; the state of each account; the records of the settlements and of the reservations; for each account
-- that will need them its registry, its holds, its index and, for a rolling window, its slots.
-- ARGV: 1 the numbers of the request; 2 the epoch of the newest mark of the slot that the client knows, or a name for it that is
-- new; 3 the names of the holds, 16 bytes each; then the names of accounts whose keys hold only hashes.
-- Returns {1, now, the epoch, numbers, the heads of the accounts}: the numbers are the rest of the mark, the answer to each
-- settlement and reservation, and where anything was granted the number of the accounts and what their heads do not say. Or
-- {0, now} when the stretches that were sent do not hold the server's moment: the client's clock is wrong, and it asks again
-- with this one. Or {2, now} when keys were needed that were not sent: it asks again with all of them.

--- @include numbers.lua
--- @include clock.lua
--- @include state.lua
--- @include holds.lua
--- @include account.lua
--- @include rare.lua
--- @include record.lua
--- @include admission.lua
--- @include reservation.lua
--- @include settlement.lua

local MARK_LIFE_MS = '7776000000'

readNumbers(ARGV[1])
readClock(nextNumber())
local remember, settlements, reservations, accountCount, refCount = nextNumber(), nextNumber(), nextNumber(), nextNumber(), nextNumber()
local seenCount, seenLosses = nextNumber(), nextNumber()
local recordAt = accountCount + 1
local accounts = readAccounts(accountCount, 2)
if not accounts then return { 0, now } end

local found = redis.call('MGET', unpack(KEYS, 1, recordAt + settlements + reservations))
for number = 1, accountCount do loadAccount(accounts[number], found[number + 1]) end
local refs = {}
for number = 1, refCount do refs[number] = nextRef(accounts) end

-- The mark tells which data this is: an epoch, how many messages it has answered, and how often it lost the last of them. A
-- server that was emptied, or another in its place, has another epoch; one that lost its last writes, as a replica can that
-- takes over, has answered fewer messages than the client knows of, and then everybody is told by the third figure.
local epoch, count, losses = nil, 0, 0
if found[1] then
  local after
  count, losses, after = struct.unpack('<dd', found[1])
  epoch = string.sub(found[1], after)
else
  epoch = ('%s+%.0f'):format(ARGV[2]:match('^[^+]+'), now)
end
if epoch == ARGV[2] and losses <= seenLosses and (count < seenCount or losses < seenLosses) then losses = seenLosses + 1 end
push(count + 1)
push(losses)

-- What this script itself has written of an id stands in for what was found.
local written = {}
local isGranted = false
for number = 1, settlements + reservations do
  local key, name = KEYS[recordAt + number], string.sub(ARGV[3], 16 * number - 15, 16 * number)
  local record = written[key] or readRecord(found[recordAt + number])
  if number <= settlements then
    written[key] = settleNext(refs, key, name, record, remember, number)
  else
    local answerAt = size + 1
    written[key] = reserveNext(refs, key, name, record, number)
    if answer[answerAt] == 1 then isGranted = true end
  end
end

for number = 1, accountCount do
  local account = accounts[number]
  if not account[HOLDS] and (account.lacksKeys or account.leaving or account.entering or isToBeListed(account)) then return { 2, now } end
end

-- What is written first decides on a full server: a reservation writes the mark, and is refused before anything is changed;
-- settlements first prolong its life, which a full server lets pass, and all that follows in the same script with it.
if reservations == 0 then redis.call('PEXPIRE', KEYS[1], MARK_LIFE_MS) end
redis.call('SET', KEYS[1], struct.pack('<dd', count + 1, losses) .. epoch, 'PX', MARK_LIFE_MS)
saveRecords()
local results = { 1, now, epoch, '' }
push(isGranted and accountCount or 0)
for number = 1, accountCount do
  local account = accounts[number]
  if isToBeListed(account) then rare.listAccount(account) end
  local head = account[IS_CHANGED] and saveAccount(account)
  if isGranted then
    results[number + 4] = head or account[STATE] and headOf(account) or ''
    pushAccount(account)
  end
end
results[4] = packedAnswer()
return results

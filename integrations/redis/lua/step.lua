-- Settles any number of reservations and makes any number of further ones, over all accounts at once.
--
-- KEYS: the mark of the slot; the state of each account; the records of the settlements and of the reservations; the set of the
-- slot's holds; for accounts that will need them their registry, their index and, for a rolling window, their slots.
-- ARGV: 1 the numbers that are new in each step; 2 those of the accounts and of the places that name them; 3 the epoch of the
-- newest mark of the slot that the client knows, or a name for it that is new; 4 where the other keys of each account begin, or
-- nothing; then the names of accounts whose keys hold only hashes.
-- Returns bytes: numbers (1, now, the rest of the mark, the answer to each settlement and reservation, and where anything was
-- granted the number of the accounts and when there is room in them again), then those accounts as `shown` shows them, then the
-- epoch. Or a list: what `answerOnly` says, and for OVERDUE the key of the set and the keys of the records.

--- @include clock.lua
--- @include mark.lua
--- @include common.lua

-- So many numbers come before those of the settlements.
local STEP_HEAD = 20

-- A script makes its functions anew each time it is called: these are made where common.lua does not do.
local function whole(found)
--- @include numbers.lua
--- @include state.lua
--- @include account.lua
--- @include rare.lua
--- @include record.lua
--- @include due.lua
--- @include admission.lua
--- @include reservation.lua
--- @include settlement.lua

readNumbers(ARGV[1] .. ARGV[2])
local remember, settlements, reservations, accountCount, refCount = unpack(numbers, 2, 6)
local seenCount, seenLosses, horizon = unpack(numbers, 7, 9)
local recordAt = accountCount + 1
local set = KEYS[recordAt + settlements + reservations + 1]

-- The mark tells which data this is: an epoch, how many messages it has answered, and how often it lost the last of them. A
-- server that was emptied, or another in its place, has another epoch; one that lost its last writes, as a replica can that
-- takes over, has answered fewer messages than the client knows of, and then everybody is told by the third figure.
local epoch, count, losses, due, kept = nil, 0, 0, 0, 0
if found[1] then
  local after
  count, losses, due, kept, after = struct.unpack(MARK, found[1])
  epoch = string.sub(found[1], after)
else
  epoch = ('%s+%.0f'):format(ARGV[3]:match('^[^+]+'), now)
  due = nextDue(set)
end
if epoch == ARGV[3] and losses <= seenLosses and (count < seenCount or losses < seenLosses) then losses = seenLosses + 1 end

-- What was overdue when the client first asked is freed before anything is reserved; what has become so since is not waited for.
if reservations > 0 and due > 0 and due <= now then
  local records = overdue(set, horizon >= 0 and horizon or now)
  if #records > 0 then return { struct.pack('<dd', OVERDUE, now), set, unpack(records) } end
  due = nextDue(set)
end

cursor = #ARGV[1] / 8
local accounts = readAccounts(accountCount, 2, readOthers(ARGV[4]))
if not accounts then return answerOnly(OTHER_TIME) end
for number = 1, accountCount do loadAccount(accounts[number], found[number + 1]) end
local refs = {}
for number = 1, refCount do refs[number] = nextRef(accounts) end

push(DONE)
push(now)
push(count + 1)
push(losses)
-- What this script itself has written of an id stands in for what was found.
local written = {}
local isGranted = false
cursor = STEP_HEAD
for number = 1, settlements + reservations do
  local key = KEYS[recordAt + number]
  local record = written[key] or readRecord(found[recordAt + number])
  if number <= settlements then
    written[key] = settleNext(refs, key, record, remember, number)
  else
    local answerAt = size + 1
    written[key] = reserveNext(refs, key, record, number)
    if answer[answerAt] == 1 then isGranted = true end
  end
end

for number = 1, accountCount do
  local account = accounts[number]
  if not account[INDEX] and isToBeListed(account) then return answerOnly(LACKS_KEYS) end
end

-- What is written first decides on a full server: a reservation writes the mark, and is refused before anything is changed;
-- settlements first prolong its life, which a full server lets pass, and all that follows in the same script with it.
local isKept = kept >= now + math.max(longestLife, MARK_LIFE_MS / 2)
if not isKept then kept = now + longestLife + MARK_LIFE_MS end
local life = string.format('%.0f', kept - now)
if reservations == 0 then redis.call('PEXPIRE', KEYS[1], life) end
for n = 1, #holding, 2 do
  local expiry = tonumber(holding[n])
  if due == 0 or expiry < due then due = expiry end
end
local mark = struct.pack(MARK, count + 1, losses, due, kept) .. epoch
if isKept then
  redis.call('SET', KEYS[1], mark, 'KEEPTTL')
else
  redis.call('SET', KEYS[1], mark, 'PX', life)
  redis.call('ZADD', set, ENDLESS, NO_HOLD)
  redis.call('PEXPIRE', set, life)
end
if #holding > 0 then redis.call('ZADD', set, unpack(holding)) end
if #dropping > 0 then redis.call('ZREM', set, unpack(dropping)) end
saveRecords()
local shownAccounts = {}
push(isGranted and accountCount or 0)
for number = 1, accountCount do
  local account = accounts[number]
  if isToBeListed(account) then listAccount(account) end
  local head = account[IS_CHANGED] and saveAccount(account)
  if isGranted then
    push(resetOf(account))
    shownAccounts[number] = shown(account, head)
  end
end
return packedAnswer() .. table.concat(shownAccounts) .. epoch
end

local instead, _, settlements, reservations, accountCount = struct.unpack('<ddddd', ARGV[1])
readClock(instead)
local found = redis.call('MGET', unpack(KEYS, 1, 1 + accountCount + settlements + reservations))
return common(found) or whole(found)

-- Frees holds that are overdue in all their accounts, or keeps them counting as unconfirmed under the policy `charge`.
--
-- KEYS: the set of the slot's holds; the state of each account; the records; for accounts over a rolling window their registry,
-- their index and their slots.
-- ARGV: 1 the numbers of the request; 2 those of the accounts; 3 nothing; 4 where the other keys of each account begin.
-- Returns what `answerOnly` says.

--- @include clock.lua
--- @include numbers.lua
--- @include state.lua
--- @include account.lua
--- @include rare.lua
--- @include record.lua

readNumbers(ARGV[1] .. ARGV[2])
readClock(nextNumber())
local accountCount, recordCount = nextNumber(), nextNumber()
cursor = #ARGV[1] / 8
local accounts = readAccounts(accountCount, 2, readOthers(ARGV[4]))
if not accounts then return answerOnly(OTHER_TIME) end
local found = redis.call('MGET', unpack(KEYS, 2, 1 + accountCount + recordCount))
local byKey = {}
for number, account in ipairs(accounts) do
  loadAccount(account, found[number])
  byKey[account[KEY]] = account
end

local gone = {}
for number = 1, recordCount do
  local key = KEYS[1 + accountCount + number]
  local record = readRecord(found[accountCount + number])
  local isHeld = record and record[PHASE] == IS_HELD
  -- One that was extended meanwhile lives on.
  if isHeld and record[EXPIRY] > now then
    redis.call('ZADD', KEYS[1], 'XX', string.format(EXACT, record[EXPIRY]), key)
  else
    gone[#gone + 1] = key
  end
  if isHeld and record[EXPIRY] <= now then
    local place = 0
    for name in string.gmatch(record.keys, '[^\n]+') do
      place = place + 1
      local account = byKey[name]
      local start = account and account[STATE] and stretchIn(record, account, place)
      if start then
        add(account, start, HELD, record, AMOUNTS_AT, -1)
        if account[STATE][CHARGES] == 1 then add(account, start, UNCONFIRMED, record, AMOUNTS_AT, 1) end
      end
    end
    record[PHASE] = HAS_LAPSED
    keepRecord(key, record, #record, record.keys, REMEMBER_EXPIRED_MS)
  end
end
if #gone > 0 then redis.call('ZREM', KEYS[1], unpack(gone)) end
saveRecords()
for _, account in ipairs(accounts) do
  if account[IS_CHANGED] then saveAccount(account) end
end
return answerOnly(DONE)

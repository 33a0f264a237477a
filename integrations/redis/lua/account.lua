-- One account: opened, placed in time, read and written.

-- Reads what the request says of an account; its keys are taken from KEYS.
local function nextAccount(keyAt, number)
  local account = { number = number, registry = KEYS[nextNumber()], kind = nextNumber() }
  account.state, account.holds, account.index = KEYS[keyAt], KEYS[keyAt + 1], KEYS[keyAt + 2]
  if account.kind == CALENDAR then
    account.first, account.second, account.third = nextNumber(), nextNumber(), nextNumber()
  elseif account.kind == ROLLING then
    account.length, account.slot = nextNumber(), nextNumber()
    account.slots, account.loaded, account.changed = KEYS[keyAt + 3], {}, {}
  end
  account.retention, account.charges, account.named = nextNumber(), nextNumber(), nextNumber()
  return account, keyAt + (account.kind == ROLLING and 4 or 3)
end

-- The stretch that holds the moment. False when the client looked at another clock and sent others.
local function placeInTime(account)
  if account.kind == LIFETIME then
    account.start = 0
  elseif account.kind == ROLLING then
    account.start = now - now % account.slot
    account.finish = account.start + account.slot
  elseif now >= account.first and now < account.second then
    account.start, account.finish = account.first, account.second
  elseif now >= account.second and now < account.third then
    account.start, account.finish = account.second, account.third
  else
    return false
  end
  return true
end

-- Reads all accounts of a request. Nil where the stretches that were sent do not hold the moment.
local function nextAccounts(keyAt)
  local accounts = {}
  for number = 1, nextNumber() do
    local account
    account, keyAt = nextAccount(keyAt, number)
    if not placeInTime(account) then return nil end
    accounts[number] = account
  end
  return accounts
end

local function startStretch(account)
  local state = account.data
  if account.kind == ROLLING then return leaveOldSlots(account) end
  -- A clock that is put back does not bring an old window back.
  if state[START] > account.start then account.start = state[START] end
  if state[START] >= account.start then return end
  account.isChanged = true
  state[START], state[LISTED], state[IS_WIDE] = account.start, -1, 0
  for place = SETTLED_AT + 1, HELD_AT + 8 do state[place] = 0 end
  if state[REST] ~= '' then
    local rest = changeRest(account)
    rest.late, rest.marks = nil, nil
  end
end

-- Loads an account as it stands now. One that does not exist has no `data`.
local function loadAccount(account)
  local packed = redis.call('GET', account.state)
  if not packed then return end
  account.data = { cmsgpack.unpack(packed) }
  startStretch(account)
  expireHolds(account)
end

local function openAccount(account)
  if account.data then return end
  account.data, account.rest = newState(account), {}
  account.isNew, account.isChanged = true, true
  if account.named > 0 then
    changeRest(account).names = { ARGV[account.named], ARGV[account.named + 1], ARGV[account.named + 2] }
  end
end

-- Remembers the limits of an admission, for those who list accounts. `mark` tells whether they are others than before.
local function keepLimits(account, mark, limits)
  if account.data[LIMITS_MARK] == mark then return end
  account.data[LIMITS_MARK] = mark
  local kept = {}
  for d = 1, 8 do kept[d] = numbers[limits + d] end
  changeRest(account).limits = kept
end

-- When everything in it will have become history; nil where an adjustment for good keeps it.
local function endOfLife(account)
  local last = now + account.retention
  if account.kind == CALENDAR then last = account.finish + account.retention end
  if account.kind == ROLLING then last = account.finish + account.length + account.retention end
  local adjustment = account.data[IS_ADJUSTED] == 1 and restOf(account).adjustment
  if adjustment and adjustment[1] == 0 then return nil end
  if adjustment and adjustment[1] > last then last = adjustment[1] end
  return last
end

local function saveAccount(account)
  local state = account.data
  if account.isRestChanged then state[REST] = cmsgpack.pack(account.rest) end
  local last = endOfLife(account)
  -- A little longer than it must, so that most steps need not set the time anew.
  local isKept = last and state[KEPT] >= last or not last and state[KEPT] == -1
  if not isKept then state[KEPT] = last and last + math.floor(account.retention / 32) or -1 end
  local packed = cmsgpack.pack(unpack(state))
  if isKept then
    redis.call('SET', account.state, packed, 'KEEPTTL')
  elseif last then
    redis.call('SET', account.state, packed, 'PX', string.format('%.0f', state[KEPT] - now))
  else
    redis.call('SET', account.state, packed)
  end
  if account.kind == ROLLING then saveSlots(account, last and string.format('%.0f', state[KEPT] - now)) end
end

-- The limits in force, as a list and a place in it: the guard's, or what an adjustment put in their place.
local function adjustedLimits(account, limits, at)
  if not account.data or account.data[IS_ADJUSTED] == 0 then return limits, at end
  local adjustment = restOf(account).adjustment
  if adjustment[1] > 0 and adjustment[1] <= now then
    account.data[IS_ADJUSTED] = 0
    changeRest(account).adjustment = nil
    return limits, at
  end
  local adjusted = {}
  for d = 1, 8 do adjusted[d] = adjustment[2][d] >= 0 and adjustment[2][d] or limits[at + d] end
  return adjusted, 0
end

-- When room comes back, or -1 where it never does.
local function resetOf(account)
  if account.kind == LIFETIME then return -1 end
  if account.kind == CALENDAR then return account.finish end
  local oldest = account.data and restOf(account).starts and restOf(account).starts[1]
  return oldest and oldest + account.slot + account.length or -1
end

-- Appends when room comes back and the sums: none (0), settled and held (1), or all (2).
local function pushSums(account)
  push(resetOf(account))
  if not account.data then return push(0) end
  local late = lateOf(account)
  push(late and 2 or 1)
  pushAmounts(account.data, SETTLED_AT)
  pushAmounts(account.data, HELD_AT)
  if late then
    pushAmounts(late, 0)
    pushAmounts(late, 8)
  end
end

-- One account: a packed state, a sorted set of its live holds by expiry and, for a rolling window, a hash of its slots.
--
-- state: 1 born, 2 start of the current stretch, 3 sums (settled, held, unconfirmed, overage: 8 each), 4 earliest expiry
-- of a hold or 0, 5 marks of alerts or false, 6 adjustment {until or 0, limits} or false, 7 starts of the slots of a
-- rolling window or false, 8 limits of the last admission, 9 {scope, id, tenant} where the key holds only hashes, or false,
-- 10 whether an expired hold goes on counting

local LIFETIME, CALENDAR, ROLLING = 0, 1, 2
local SETTLED, HELD, UNCONFIRMED, OVERAGE = 0, 8, 16, 24
local EXPIRED_AT_ONCE = 1000

local function newSums()
  return { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
end

-- Reads what the request says of an account; its keys are taken from KEYS.
local function nextAccount(keyAt)
  local account = { registry = KEYS[nextNumber()], kind = nextNumber(), state = KEYS[keyAt], holds = KEYS[keyAt + 1], index = KEYS[keyAt + 2] }
  if account.kind == CALENDAR then
    account.first, account.second, account.third = nextNumber(), nextNumber(), nextNumber()
  elseif account.kind == ROLLING then
    account.length, account.slot = nextNumber(), nextNumber()
    account.slots = KEYS[keyAt + 3]
  end
  account.retention = nextNumber()
  account.charges = nextNumber() == 1
  account.named = nextNumber()
  return account, keyAt + (account.kind == ROLLING and 4 or 3)
end

-- The stretch that holds the moment. False when the client looked at another clock and sent others.
local function placeInTime(account)
  if account.kind == LIFETIME then
    account.start, account.finish = 0, nil
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

-- The sums of a slot of a rolling window, or nil when it has left the window.
local function slotOf(account, start)
  local loaded = account.loaded
  if loaded[start] == nil then
    local packed = redis.call('HGET', account.slots, start)
    loaded[start] = packed and cmsgpack.unpack(packed) or false
  end
  return loaded[start] or nil
end

local function addTo(sums, part, amounts, sign)
  for d = 1, 8 do
    local amount = amounts[d]
    if amount ~= 0 then sums[part + d] = sums[part + d] + sign * amount end
  end
end

-- Adds to (or, with sign -1, takes from) the stretch that began at `start`. A stretch that is over is not kept.
local function add(account, start, part, amounts, sign)
  local state = account.data
  if account.kind == ROLLING then
    local slot = slotOf(account, start)
    if not slot then return end
    addTo(slot, part, amounts, sign)
    account.changed[start] = true
  elseif state[2] ~= start then
    return
  end
  addTo(state[3], part, amounts, sign)
end

local function startStretch(account)
  local state = account.data
  if account.kind == ROLLING then
    local starts = state[7]
    while starts[1] and starts[1] + account.slot + account.length <= now do
      account.isChanged = true
      local start = table.remove(starts, 1)
      local slot = slotOf(account, start)
      if slot then
        for part = 1, 32 do state[3][part] = state[3][part] - slot[part] end
      end
      redis.call('HDEL', account.slots, start)
      account.loaded[start] = false
      account.changed[start] = nil
    end
    return
  end
  -- A clock that is put back does not bring an old window back.
  if state[2] < account.start then
    state[2], state[3], state[5] = account.start, newSums(), false
  elseif state[2] > account.start then
    account.start = state[2]
  end
end

-- A rolling window gets a slot only when something is to be counted in it.
local function openSlot(account)
  if account.kind ~= ROLLING or slotOf(account, account.start) then return end
  local starts = account.data[7]
  local last = starts[#starts]
  if last and last > account.start then
    account.start = last
    return
  end
  starts[#starts + 1] = account.start
  account.loaded[account.start] = newSums()
  account.changed[account.start] = true
end

-- Frees the holds that are overdue, or keeps them counting as unconfirmed under the policy `charge`.
local function expireHolds(account)
  local state = account.data
  while state[4] > 0 and state[4] <= now do
    account.isChanged = true
    local due = redis.call('ZRANGEBYSCORE', account.holds, '-inf', now, 'LIMIT', 0, EXPIRED_AT_ONCE)
    for _, member in ipairs(due) do
      local hold = { struct.unpack('<ddddddddd', member) }
      local start = table.remove(hold, 1)
      add(account, start, HELD, hold, -1)
      if state[10] then add(account, start, UNCONFIRMED, hold, 1) end
    end
    if #due > 0 then redis.call('ZREM', account.holds, unpack(due)) end
    local nearest = redis.call('ZRANGE', account.holds, 0, 0, 'WITHSCORES')
    state[4] = tonumber(nearest[2]) or 0
  end
end

-- Loads an account as it stands now. One that does not exist has no `data`.
local function loadAccount(account)
  local packed = redis.call('GET', account.state)
  account.loaded, account.changed = {}, {}
  if not packed then return end
  account.data = cmsgpack.unpack(packed)
  startStretch(account)
  expireHolds(account)
end

local function openAccount(account, limits)
  if account.data then return end
  local starts = account.kind == ROLLING and {} or false
  account.data = { moment .. '.' .. account.number, account.start, newSums(), 0, false, false, starts, limits, false, account.charges }
  if account.named > 0 then account.data[9] = { ARGV[account.named], ARGV[account.named + 1], ARGV[account.named + 2] } end
  account.isNew = true
end

-- When everything in it has become history, the account may go.
local function endOfLife(account)
  local adjustment = account.data[6]
  if adjustment and adjustment[1] == 0 then return nil end
  local last = now + account.retention
  if account.kind == CALENDAR then last = account.finish + account.retention end
  if account.kind == ROLLING then last = account.finish + account.length + account.retention end
  if adjustment and adjustment[1] > last then last = adjustment[1] end
  return last
end

local function saveAccount(account)
  local last = endOfLife(account)
  if last then
    redis.call('SET', account.state, cmsgpack.pack(account.data), 'PX', string.format('%.0f', last - now))
  else
    redis.call('SET', account.state, cmsgpack.pack(account.data))
  end
  if account.kind ~= ROLLING then return end
  for start in pairs(account.changed) do redis.call('HSET', account.slots, start, cmsgpack.pack(account.loaded[start])) end
  if last then redis.call('PEXPIRE', account.slots, string.format('%.0f', last - now)) end
end

-- The limits in force: the guard's, or what an adjustment put in their place.
local function adjustedLimits(account, limits)
  local adjustment = account.data and account.data[6]
  if not adjustment then return limits end
  if adjustment[1] > 0 and adjustment[1] <= now then
    account.data[6] = false
    return limits
  end
  local adjusted = {}
  for d = 1, 8 do adjusted[d] = adjustment[2][d] >= 0 and adjustment[2][d] or limits[d] end
  return adjusted
end

-- When room comes back, or -1 where it never does.
local function resetOf(account)
  if account.kind == LIFETIME then return -1 end
  if account.kind == CALENDAR then return account.finish end
  local oldest = account.data and account.data[7][1]
  return oldest and oldest + account.slot + account.length or -1
end

-- Appends: reset, 32 sums (or fewer: settled and held, and a 0, where nothing is unconfirmed and nothing was above its hold).
local function appendSnapshot(reply, account)
  local sums = account.data and account.data[3]
  reply[#reply + 1] = resetOf(account)
  if not sums then
    reply[#reply + 1] = 0
    return
  end
  local wide = false
  for part = 17, 32 do
    if sums[part] ~= 0 then wide = true end
  end
  reply[#reply + 1] = wide and 2 or 1
  appendAmounts(reply, sums, SETTLED)
  appendAmounts(reply, sums, HELD)
  if wide then
    appendAmounts(reply, sums, UNCONFIRMED)
    appendAmounts(reply, sums, OVERAGE)
  end
end

-- The slots of a rolling window are in a hash, 32 sums each; the state holds their total, the rest their starts.

-- The sums of a slot, or nil when it has left the window.
local function slotOf(account, start)
  local slots = account.loaded
  if slots[start] == nil then
    local packed = redis.call('HGET', account.slots, start)
    slots[start] = packed and { cmsgpack.unpack(packed) } or false
  end
  return slots[start] or nil
end

local function addLate(account, part, list, at, sign)
  local late = lateOf(account) or zeros(16)
  account.late, account.isLateChanged, account.isRewritten, account[STATE][IS_WIDE] = late, true, true, 1
  (sign > 0 and plus or minus)(late, 8 * (part - UNCONFIRMED), list, at)
end

local function addToSlot(account, start, part, list, at, sign)
  local slot = slotOf(account, start)
  if not slot then return false end
  (sign > 0 and plus or minus)(slot, 8 * (part - 1), list, at)
  account.touched[start], account.isRewritten = true, true
  return true
end

local function leaveOldSlots(account)
  local starts = restOf(account).starts or {}
  while starts[1] and starts[1] + account.slot + account.length <= now do
    local start = table.remove(starts, 1)
    local slot = slotOf(account, start)
    if slot then
      minus(account[STATE], SETTLED_AT, slot, 0)
      minus(account[STATE], HELD_AT, slot, 8)
      if account[STATE][IS_WIDE] == 1 then
        addLate(account, UNCONFIRMED, slot, 16, -1)
        addLate(account, OVERAGE, slot, 24, -1)
      end
    end
    account.loaded[start], account.touched[start] = false, nil
    account.left[#account.left + 1] = start
    changeRest(account).starts = starts
  end
end

-- The slot of this moment; made only when something is to be counted in it.
local function openSlot(account)
  if slotOf(account, account[SINCE]) then return end
  local rest = changeRest(account)
  rest.starts = rest.starts or {}
  local last = rest.starts[#rest.starts]
  -- A clock that is put back does not bring an old slot back.
  if last and last > account[SINCE] then
    account[SINCE] = last
    return
  end
  rest.starts[#rest.starts + 1] = account[SINCE]
  account.loaded[account[SINCE]] = zeros(32)
  account.touched[account[SINCE]] = true
end

local function saveSlots(account, keepMs)
  for _, start in ipairs(account.left) do redis.call('HDEL', account.slots, start) end
  for start in pairs(account.touched) do
    redis.call('HSET', account.slots, start, cmsgpack.pack(unpack(account.loaded[start])))
  end
  if keepMs then redis.call('PEXPIRE', account.slots, keepMs) else redis.call('PERSIST', account.slots) end
end

-- A calendar window begins anew. What was held in the one before is not kept.
local function startStretch(account)
  local state = account[STATE]
  -- A clock that is put back does not bring an old window back.
  if state[START] > account[SINCE] then account[SINCE] = state[START] end
  if state[START] >= account[SINCE] then return end
  account[IS_CHANGED], account.isRewritten = true, true
  state[START], state[LIMITS_MARK], state[LISTED], state[IS_WIDE] = account[SINCE], 0, -1, 0
  for place = SETTLED_AT + 1, HELD_AT + 8 do state[place] = 0 end
  if account[PACKED_REST] ~= '' then changeRest(account).marks = nil end
end

-- Stretches of a window. Of most windows only the current one is kept. The slots of a rolling window are in a hash, 32 sums
-- each; the state holds their total, the rest their starts.

-- The sums of a slot, or nil when it has left the window.
local function slotOf(account, start)
  local slots = account.loaded
  if slots[start] == nil then
    local packed = redis.call('HGET', account.slots, start)
    slots[start] = packed and { cmsgpack.unpack(packed) } or false
  end
  return slots[start] or nil
end

local function leaveOldSlots(account)
  local starts = restOf(account).starts or {}
  while starts[1] and starts[1] + account.slot + account.length <= now do
    local start = table.remove(starts, 1)
    local slot = slotOf(account, start)
    if slot then
      for part = SETTLED, OVERAGE do
        addToState(account, part, slot, 8 * (part - 1), -1)
      end
    end
    redis.call('HDEL', account.slots, start)
    account.loaded[start], account.changed[start] = false, nil
    changeRest(account).starts = starts
  end
end

-- The slot of this moment; made only when something is to be counted in it.
local function openSlot(account)
  if slotOf(account, account.start) then return end
  local rest = changeRest(account)
  rest.starts = rest.starts or {}
  local last = rest.starts[#rest.starts]
  -- A clock that is put back does not bring an old slot back.
  if last and last > account.start then
    account.start = last
    return
  end
  rest.starts[#rest.starts + 1] = account.start
  account.loaded[account.start] = zeros(32)
  account.changed[account.start] = true
end

local function saveSlots(account, keepMs)
  for start in pairs(account.changed) do
    redis.call('HSET', account.slots, start, cmsgpack.pack(unpack(account.loaded[start])))
  end
  if keepMs then redis.call('PEXPIRE', account.slots, keepMs) end
end

-- Adds to (or, with sign -1, takes from) the stretch that began at `start`. A stretch that is over is not kept.
local function add(account, start, part, list, at, sign)
  if account.kind == ROLLING then
    local slot = slotOf(account, start)
    if not slot then return end
    addAmounts(slot, 8 * (part - 1), list, at, sign)
    account.changed[start] = true
  elseif account.data[START] ~= start then
    return
  end
  addToState(account, part, list, at, sign)
end

-- What is held in an account: the first few holds in its state, further ones in a set ordered by expiry. In the state a hold is
-- a name of 16 bytes, its expiry and its amounts; in the set the same without the expiry, and with the start of its stretch.
-- Those in the state are of the current stretch; in a rolling window, of which many stretches are current, the start follows.

local HOLD_SIZE, ROLLING_HOLD_SIZE, HOLDS_HERE_BYTES = 88, 96, 704
-- How long a hold that expired is remembered, so that a late settlement finds the stretch in which it was made.
local REMEMBER_EXPIRED_MS = 86400000

-- Takes a live hold out of where it stands; its amounts are another matter.
local function dropHold(account, name, record, start)
  local tail, state, from = account[TAIL], account[STATE], 1
  local size = account[KIND] == ROLLING and ROLLING_HOLD_SIZE or HOLD_SIZE
  while tail ~= '' do
    local at = string.find(tail, name, from, true)
    if not at then break end
    if (at - 1) % size == 0 then
      tail = #tail == size and '' or string.sub(tail, 1, at - 1) .. string.sub(tail, at + size)
      account[TAIL], account[IS_CHANGED] = tail, true
      if tail == '' and state[HAS_SET] == 0 then state[DUE] = 0 end
      return
    end
    from = at + 1
  end
  if state[HAS_SET] == 1 then
    local leaving = account.leaving or {}
    account.leaving, account[IS_CHANGED] = leaving, true
    leaving[#leaving + 1] = rare.holdMember(name, record, start)
  end
end

-- Puts a hold into the current stretch of an account. `packed` is the hold as it stands in a state.
local function putHold(account, packed, amounts, expiry, ttl)
  local state, tail = account[STATE], account[TAIL]
  if account[KIND] == ROLLING then
    rare.openSlot(account)
    add(account, account[SINCE], HELD, amounts, 0, 1)
    packed = packed .. struct.pack('<d', account[SINCE])
  else
    plus(state, HELD_AT, amounts, 0)
    account[IS_CHANGED] = true
  end
  if #tail < HOLDS_HERE_BYTES then
    account[TAIL] = tail == '' and packed or tail .. packed
  else
    rare.enterSet(account, packed, expiry, ttl)
  end
  if state[DUE] == 0 or expiry < state[DUE] then state[DUE] = expiry end
end

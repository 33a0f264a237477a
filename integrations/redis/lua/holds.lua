-- What is held in an account: the first few holds in its state, further ones in a set ordered by expiry. A hold is a name of
-- 16 bytes, its expiry, its amounts and the start of its stretch; a member of the set is the same without the expiry.

local HOLD_SIZE, HOLDS_HERE_BYTES = 96, 768
-- How long a hold that expired is remembered, so that a late settlement finds the stretch in which it was made.
local REMEMBER_EXPIRED_MS = 86400000

-- Takes a live hold out of where it stands; its amounts are another matter.
local function dropHold(account, name, record, start)
  local tail, from = account.tail, 1
  if tail ~= '' then
    account.isChanged = true
    while true do
      local at = string.find(tail, name, from, true)
      if not at then break end
      if (at - 1) % HOLD_SIZE == 0 then
        account.tail = string.sub(tail, 1, at - 1) .. string.sub(tail, at + HOLD_SIZE)
        if account.tail == '' and account.state[HAS_SET] == 0 then account.state[DUE] = 0 end
        return
      end
      from = at + 1
    end
  end
  if account.state[HAS_SET] == 1 then
    local leaving = account.leaving or {}
    account.leaving, account.isChanged = leaving, true
    leaving[#leaving + 1] = name .. struct.pack('<ddddddddd', record[5], record[6], record[7], record[8], record[9], record[10], record[11], record[12], start)
  end
end

-- Puts a hold into the current stretch of an account. `body` is all of it but the start.
local function putHold(account, body, amounts, expiry, ttl)
  local state = account.state
  if account.kind == ROLLING then rare.openSlot(account) end
  add(account, account.start, HELD, amounts, 0, 1)
  local packed = body .. struct.pack('<d', account.start)
  if #account.tail < HOLDS_HERE_BYTES then
    account.tail = account.tail .. packed
  else
    local entering = account.entering or {}
    account.entering, state[HAS_SET] = entering, 1
    entering[#entering + 1] = expiry
    entering[#entering + 1] = string.sub(packed, 1, 16) .. string.sub(packed, 25)
    if not account.longest or ttl > account.longest then account.longest = ttl end
  end
  if state[DUE] == 0 or expiry < state[DUE] then state[DUE] = expiry end
end

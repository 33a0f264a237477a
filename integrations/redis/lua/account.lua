-- One account: placed in time, read and written.

local GROWTH = 1.02

-- Reads what a request says of its accounts. Nil where the stretches that were sent do not hold the moment: the client looked
-- at another clock. Their states are the keys from `stateAt`. Their other keys are told where they are to be needed.
local function readAccounts(count, stateAt)
  local accounts, n = {}, numbers
  for number = 1, count do
    local at = cursor
    cursor = at + 8
    local kind, otherAt = n[at + 1], n[at + 5]
    local isWhole = otherAt > 0
    local account = {
      number, KEYS[stateAt + number - 1], kind, n[at + 2], n[at + 3], n[at + 4], isWhole and KEYS[otherAt],
      isWhole and KEYS[otherAt + 1], isWhole and KEYS[otherAt + 2], 0, -1, '', '', false, false, false, false, 0,
    }
    accounts[number] = account
    local first, second = n[at + 6], n[at + 7]
    if kind == CALENDAR then
      if now >= first and now < second then
        account[SINCE], account[UNTIL] = first, second
      elseif now >= second and now < n[at + 8] then
        account[SINCE], account[UNTIL] = second, n[at + 8]
      else
        return nil
      end
    elseif kind == ROLLING then
      account.length, account.slot, account.slots = first, second, KEYS[otherAt + 3]
      account[SINCE] = now - now % second
      account[UNTIL] = account[SINCE] + second
      account.loaded, account.touched, account.left = {}, {}, {}
    end
  end
  return accounts
end

-- Brings an account to where it stands now. One that does not exist has no state.
local function loadAccount(account, packed)
  if not packed then return end
  local state = { struct.unpack(HEAD, packed) }
  account[STATE] = state
  if #packed > HEAD_SIZE then
    local last = HEAD_SIZE + state[HOLD_BYTES]
    account[TAIL] = string.sub(packed, HEAD_SIZE + 1, last)
    account[PACKED_REST] = string.sub(packed, last + 1)
  end
  if account[KIND] == ROLLING then
    rare.leaveOldSlots(account)
  elseif state[START] ~= account[SINCE] then
    rare.startStretch(account)
  end
  if state[DUE] > 0 and state[DUE] <= now then
    if state[HAS_SET] == 1 and not account[HOLDS] then account.lacksKeys = true else rare.expireHolds(account) end
  end
  if state[IS_ADJUSTED] == 1 then
    local ends = restOf(account).adjustment[1]
    if ends > 0 and ends <= now then rare.adjust(account, nil) end
  end
end

-- When everything in it will have become history; nil where an adjustment for good keeps it.
local function endOfLife(account)
  local last = now + account[RETENTION]
  if account[KIND] == CALENDAR then last = account[UNTIL] + account[RETENTION] end
  if account[KIND] == ROLLING then last = account[UNTIL] + account.length + account[RETENTION] end
  if account[STATE][IS_ADJUSTED] == 1 then
    local ends = restOf(account).adjustment[1]
    if ends == 0 then return nil end
    if ends > last then last = ends end
  end
  return last
end

local function headOf(account)
  account[STATE][HOLD_BYTES] = #account[TAIL]
  return struct.pack(HEAD, unpack(account[STATE], 1, HEAD_COUNT))
end

-- The spend by which accounts are listed. Those that are not billed in dollars are ordered among themselves, by tokens, below
-- nearly all that are.
local function spendOf(state)
  return state[SETTLED_AT + 1] > 0 and state[SETTLED_AT + 1] or state[SETTLED_AT + 2] / 1000000000
end

-- Whether an account is to be listed anew: when its spend has grown by a fiftieth. Most steps need not touch the index.
local function isToBeListed(account)
  if not (account[IS_SPENT] or account.isNew) then return false end
  local spend, listed = spendOf(account[STATE]), account[STATE][LISTED]
  return listed < 0 or spend > listed and spend >= listed * GROWTH or (spend > 0) ~= (listed > 0)
end

-- Writes an account; returns its head.
local function saveAccount(account)
  local state = account[STATE]
  local last = endOfLife(account)
  -- A little longer than it must, so that most steps need not set the time anew.
  local isKept = last and state[KEPT] >= last or not last and state[KEPT] == -1
  if not isKept then state[KEPT] = last and last + math.floor(account[RETENTION] / 32) or -1 end
  if account.leaving or account.entering then rare.saveSet(account) end
  if account.isRestChanged then account[PACKED_REST] = cmsgpack.pack(account[REST]) end
  local head = headOf(account)
  local packed = head .. account[TAIL] .. account[PACKED_REST]
  if isKept then
    redis.call('SET', account[KEY], packed, 'KEEPTTL')
  elseif last then
    redis.call('SET', account[KEY], packed, 'PX', string.format('%.0f', state[KEPT] - now))
  else
    redis.call('SET', account[KEY], packed)
  end
  if account[KIND] == ROLLING then rare.saveSlots(account, last and string.format('%.0f', state[KEPT] - now)) end
  return head
end

-- When room comes back, or -1 where it never does.
local function resetOf(account)
  if account[KIND] ~= ROLLING then return account[UNTIL] end
  local oldest = account[STATE] and restOf(account).starts and restOf(account).starts[1]
  return oldest and oldest + account.slot + account.length or -1
end

-- Appends when room comes back, late sums if there are any, and the limits of an adjustment if there is one. The other sums are
-- in the head.
local function pushAccount(account)
  local state, n = account[STATE], size
  if account[KIND] ~= ROLLING and (not state or state[IS_WIDE] + state[IS_ADJUSTED] == 0) then
    answer[n + 1], answer[n + 2], answer[n + 3] = account[UNTIL], 0, 0
    size = n + 3
    return
  end
  push(resetOf(account))
  local late = state and lateOf(account)
  push(late and 1 or 0)
  if late then
    pushAmounts(late, 0)
    pushAmounts(late, 8)
  end
  local isAdjusted = state and state[IS_ADJUSTED] == 1
  push(isAdjusted and 1 or 0)
  if isAdjusted then pushAmounts(restOf(account).adjustment[2], 0) end
end

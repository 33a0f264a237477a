-- One account: placed in time, read and written.

-- Reads what a request says of its accounts. Nil where the stretches that were sent do not hold the moment: the client looked
-- at another clock. Their states are the keys from `stateAt`, their other keys those from `otherAt`.
local function readAccounts(count, stateAt, otherAt)
  local accounts, n = {}, numbers
  for number = 1, count do
    local at = cursor
    cursor = at + 8
    local kind = n[at + 1]
    local account = {
      number = number,
      key = KEYS[stateAt + number - 1],
      kind = kind,
      retention = n[at + 2],
      charges = n[at + 3],
      named = n[at + 4],
      registry = KEYS[n[at + 5]],
      holds = KEYS[otherAt],
      index = KEYS[otherAt + 1],
      start = 0,
      finish = -1,
      tail = '',
      packedRest = '',
      state = false,
      rest = false,
      isChanged = false,
      isSpent = false,
      turn = 0,
    }
    accounts[number] = account
    otherAt = otherAt + 2
    local first, second = n[at + 6], n[at + 7]
    if kind == CALENDAR then
      if now >= first and now < second then
        account.start, account.finish = first, second
      elseif now >= second and now < n[at + 8] then
        account.start, account.finish = second, n[at + 8]
      else
        return nil
      end
    elseif kind == ROLLING then
      account.length, account.slot, account.slots = first, second, KEYS[otherAt]
      otherAt = otherAt + 1
      account.start = now - now % second
      account.finish = account.start + second
      account.loaded, account.touched, account.left = {}, {}, {}
    end
  end
  return accounts
end

-- Brings an account to where it stands now. One that does not exist has no state.
local function loadAccount(account, packed)
  if not packed then return end
  local state = { struct.unpack(HEAD, packed) }
  account.state = state
  if #packed > HEAD_SIZE then
    local last = HEAD_SIZE + state[HOLD_BYTES]
    account.tail = string.sub(packed, HEAD_SIZE + 1, last)
    account.packedRest = string.sub(packed, last + 1)
  end
  if account.kind == ROLLING then
    rare.leaveOldSlots(account)
  elseif state[START] ~= account.start then
    rare.startStretch(account)
  end
  if state[DUE] > 0 and state[DUE] <= now then rare.expireHolds(account) end
  if state[IS_ADJUSTED] == 1 then
    local ends = restOf(account).adjustment[1]
    if ends > 0 and ends <= now then rare.adjust(account, nil) end
  end
end

-- When everything in it will have become history; nil where an adjustment for good keeps it.
local function endOfLife(account)
  local last = now + account.retention
  if account.kind == CALENDAR then last = account.finish + account.retention end
  if account.kind == ROLLING then last = account.finish + account.length + account.retention end
  if account.state[IS_ADJUSTED] == 1 then
    local ends = restOf(account).adjustment[1]
    if ends == 0 then return nil end
    if ends > last then last = ends end
  end
  return last
end

local function headOf(account)
  account.state[HOLD_BYTES] = #account.tail
  return struct.pack(HEAD, unpack(account.state, 1, HEAD_COUNT))
end

-- Writes an account; returns its head.
local function saveAccount(account)
  local state = account.state
  local last = endOfLife(account)
  -- A little longer than it must, so that most steps need not set the time anew.
  local isKept = last and state[KEPT] >= last or not last and state[KEPT] == -1
  if not isKept then state[KEPT] = last and last + math.floor(account.retention / 32) or -1 end
  if account.leaving or account.entering then rare.saveSet(account) end
  if account.isRestChanged then account.packedRest = cmsgpack.pack(account.rest) end
  local head = headOf(account)
  local packed = head .. account.tail .. account.packedRest
  if isKept then
    redis.call('SET', account.key, packed, 'KEEPTTL')
  elseif last then
    redis.call('SET', account.key, packed, 'PX', string.format('%.0f', state[KEPT] - now))
  else
    redis.call('SET', account.key, packed)
  end
  if account.kind == ROLLING then rare.saveSlots(account, last and string.format('%.0f', state[KEPT] - now)) end
  return head
end

-- When room comes back, or -1 where it never does.
local function resetOf(account)
  if account.kind ~= ROLLING then return account.finish end
  local oldest = account.state and restOf(account).starts and restOf(account).starts[1]
  return oldest and oldest + account.slot + account.length or -1
end

-- The spend by which accounts are listed. Those that are not billed in dollars are ordered among themselves, by tokens, below
-- nearly all that are.
local function spendOf(state)
  return state[SETTLED_AT + 1] > 0 and state[SETTLED_AT + 1] or state[SETTLED_AT + 2] / 1000000000
end

-- Appends when room comes back, late sums if there are any, and the limits of an adjustment if there is one. The other sums are
-- in the head.
local function pushAccount(account)
  push(resetOf(account))
  local state = account.state
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

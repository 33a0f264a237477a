-- The mark of a slot: how many messages it has answered, how often it lost the last of them, a moment before which no hold is due
-- (0 where there is none), until when the mark and the set of holds are kept; then the epoch of its data.

local MARK, MARK_LIFE_MS = '<dddd', 7776000000

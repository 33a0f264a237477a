import { accountNumbers, addOtherKeys, packed, ofStranger, type AccountFacts } from './request.ts';
import type { StoreServer } from './server.ts';

/** Where the accounts of a record begin, and how long each of them is, before their keys (lua/record.lua). */
const [ACCOUNTS_AT, ACCOUNT_SIZE] = [91, 16];
const HAS_ENDED = 2;

/** Frees holds that are overdue. Those whose records are gone, or who were ended or extended meanwhile, are left as they are. */
export async function expireHolds(
  { redis, run }: Pick<StoreServer, 'redis' | 'run'>,
  holds: string,
  records: readonly string[],
): Promise<void> {
  const found = await redis.send(records[0], ['MGET', ...records]);
  const states = new Set(
    (Array.isArray(found) ? found : []).flatMap((record: unknown) => (Buffer.isBuffer(record) ? statesIn(record) : [])),
  );
  await run('expire', (settings) => {
    const accounts = [...states].map((state): AccountFacts => ({ ...settings.keys.accountAt(state), ...ofStranger }));
    const keys = [holds, ...states, ...records];
    const others = addOtherKeys(keys, accounts, () => false);
    return {
      keys,
      numbers: [settings.instead ?? -1, accounts.length, records.length],
      accounts: packed(accountNumbers(accounts, [], settings).numbers),
      others,
    };
  });
}

/** The keys of the states of the accounts in which a record says something is held. */
function statesIn(record: Buffer): string[] {
  if (record[0] === HAS_ENDED) return [];
  return record.toString('latin1', ACCOUNTS_AT + ACCOUNT_SIZE * record.readUInt16LE(1)).split('\n');
}

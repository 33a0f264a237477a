/** What the processes of a crash test share. What dies in the air is released in one scope and goes on counting in another. */
export const crashBudgets = {
  global: { usd: 1_000 },
  tenant: { usd: 100, onExpire: 'charge' },
  feature: { usd: 100 },
  user: { usd: 0.5 },
} as const;

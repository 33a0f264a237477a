/** The model whose prices the demo is reckoned in. */
export const demoModel = 'gpt-4o';

export const question = 'Where is my order A-1042? It should have come on Monday.';

/** The bound on the agent that has no guard: it would go on. */
export const UNGUARDED_CALLS = 40;
/** The same bound where it spends real money. */
export const LIVE_CALLS = 8;

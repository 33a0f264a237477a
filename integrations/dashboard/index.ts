/**
 * A page that shows what a guard does while it does it: spend over time, budgets, runs, loops.
 *
 * @module
 */

export { dashboard, type Dashboard, type DashboardOptions } from './dashboard.ts';
export { serveDashboard, type ServedDashboard, type ServeOptions } from './serve-dashboard.ts';
export { loopbackHosts } from './access.ts';
export type { DashboardGuard } from './actions.ts';

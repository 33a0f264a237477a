/**
 * The public surface of holdfast, as one explicit list.
 *
 * @module
 */

// The guard
export { createGuard } from './runtime/guard.ts';
export type { Current, Guard } from './runtime/guard.ts';
export type { Budgets, Concurrency, Fallback, GuardOptions, RunBudgets, RunOptions, ScopeIds } from './runtime/options.ts';
export type { Run } from './runtime/run.ts';
export type { BeginOptions } from './runtime/begin.ts';
export type { Step, StreamChannel, Work } from './runtime/step.ts';
export type { AccountReading, AdjustOptions, ListOptions } from './runtime/accounts-view.ts';
export type { FallbackAnswer } from './runtime/fallback.ts';
export { scopesFromConfig } from './runtime/scope-keys.ts';
export type { ConfigLike } from './runtime/scope-keys.ts';
export type { Clock } from './runtime/clock.ts';
export type { BudgetAlert, EndedStepInfo, EventName, GuardEvents, Listener, PromptPrint, RunInfo, StepInfo } from './runtime/events.ts';

// Budgets
export type { BuiltinScope, Limits, LookupContext, PerId, PublicAmounts, RunBudget, ScopeBudget, StoreErrorPolicy } from './core/budget.ts';
export type { Duration } from './core/duration.ts';
export type { BudgetWindow, CalendarUnit, ResolvedWindow, Weekday } from './core/window.ts';
export { formatUsd } from './core/money.ts';

// Steps, and what becomes of them
export type {
  Call,
  MediaView,
  MessageView,
  ModelCall,
  ReasoningSettings,
  StepRecord,
  StepResult,
  ToolCall,
  ToolCallView,
  ToolHints,
} from './core/step.ts';
export type { CallEdits, MessageEdit, Offer } from './core/offer.ts';
export type { Usage, UsageReport } from './core/usage.ts';
export type { DenialFacts, Halt, HaltCause } from './core/halt.ts';
export type { Intervention, NameTotals, RunReport } from './core/report.ts';
export {
  BudgetExceededError,
  DeadlineExceededError,
  findHaltError,
  GuardError,
  HaltedByPersonError,
  HaltError,
  InvalidOptionError,
  LoopDetectedError,
  RunEndedError,
  StoreUnavailableError,
  UnpricedModelError,
} from './core/errors.ts';

// Loops
export { createLoopJudge } from './loops/judge.ts';
export type { Detector, LoopJudge, Sighting, StepHistory } from './loops/detector.ts';
export type { LoopOptions, LoopPreset, LoopSettings, ToolPolicy } from './loops/options.ts';
export type { Verdict, VerdictEvidence } from './core/verdict.ts';

// Tokens and prices
export { createMeter } from './meter/create-meter.ts';
export type { InputCount, Meter, ModelPrice, OutputCounter } from './meter/meter.ts';
export type { MeterOptions } from './meter/options.ts';

// Stores
export { memoryStore } from './stores/memory-store.ts';
export { checkReserve, checkSettle } from './stores/requests.ts';
export { resolveWindow, stretchAt, windowName } from './core/window.ts';
export type { Stretch } from './core/window.ts';
export { durationMs } from './core/duration.ts';
export type {
  AccountId,
  AccountRef,
  AccountSnapshot,
  Adjustment,
  Denial,
  ListQuery,
  ReserveReply,
  ReserveRequest,
  SettleReply,
  SettleRequest,
  Store,
  ThresholdCrossing,
} from './stores/store.ts';
export type { AmountLimits, Amounts, Dimension } from './core/amounts.ts';
export { dimensions } from './core/amounts.ts';
export { fit } from './core/reservation.ts';
export type { Ask, Fit, Gate, Shortfall, Standing, Sums } from './core/reservation.ts';

// The audit log
export { auditLog } from './audit/log/audit-log.ts';
export type { AuditLog, AuditLogOptions, EventSource } from './audit/log/audit-log.ts';
export { readAuditLog } from './audit/log/read-audit-log.ts';
export type { ReadAuditLogOptions } from './audit/log/read-audit-log.ts';
export { hmac } from './audit/log/ids.ts';
export type { IdWriter } from './audit/log/ids.ts';
export type { AuditAmounts, AuditEntry, StepEndEntry } from './audit/log/entry.ts';
export { spendReport } from './audit/report/spend-report.ts';
export type { ReportKey, SpendReport, SpendReportOptions, SpendRow } from './audit/report/spend-report.ts';
export { costFindings } from './audit/findings/cost-findings.ts';
export type { CostFindingsOptions } from './audit/findings/cost-findings.ts';
export { costPatterns } from './audit/findings/finding.ts';
export type { CostPattern, Finding } from './audit/findings/finding.ts';

// Alerts to people
export { budgetAlerts } from './audit/alerts/budget-alerts.ts';
export type { AlertingGuard, BudgetAlerts, BudgetAlertsOptions } from './audit/alerts/budget-alerts.ts';
export type { AlertNotice, Spender } from './audit/alerts/alert-notice.ts';
export { FinalDeliveryError, RetryLaterError } from './audit/alerts/alert-sink.ts';
export type { AlertSink } from './audit/alerts/alert-sink.ts';
export { isSignedBy, webhookSink } from './audit/alerts/webhook-sink.ts';
export type { WebhookOptions } from './audit/alerts/webhook-sink.ts';
export { slackSink } from './audit/alerts/slack-sink.ts';
export type { SlackOptions } from './audit/alerts/slack-sink.ts';
export { logSink } from './audit/alerts/log-sink.ts';

/**
 * The public surface of holdfast, as one explicit list.
 *
 * @module
 */

import './node-only.ts';

// The guard
export { createGuard } from './runtime/guard.ts';
export type { Current, Guard } from './runtime/guard.ts';
export type { Budgets, Concurrency, Fallback, GuardOptions, RunBudgets, RunOptions, ScopeIds } from './runtime/options.ts';
export type { Run } from './runtime/run.ts';
export type { RunSnapshot } from './runtime/run-snapshot.ts';
export type { BeginOptions } from './runtime/reserve.ts';
export type { Step, StreamChannel, Work } from './runtime/step.ts';
export type { AccountReading, AdjustOptions, ListOptions } from './runtime/accounts-view.ts';
export type { FallbackAnswer } from './runtime/fallback.ts';
export { scopesFromConfig } from './runtime/scope-keys.ts';
export type { ConfigLike } from './runtime/scope-keys.ts';
export type { Clock } from './runtime/clock.ts';
export { SettlementsLostError } from './runtime/journal.ts';
export { linkedSignal, type LinkedSignal } from './runtime/linked-signal.ts';
export { untilAborted } from './runtime/until-aborted.ts';
export { Crowd } from './core/crowd.ts';
export type { Member } from './core/crowd.ts';
export type {
  BudgetAlert,
  EndedStepInfo,
  EventName,
  GuardEvents,
  LaterEvents,
  LaterListener,
  Listener,
  PromptPrint,
  RunInfo,
  StepInfo,
} from './runtime/events.ts';

// Budgets
export type {
  BuiltinScope,
  Limits,
  LookupContext,
  PerId,
  PublicAmounts,
  RunBudget,
  ScopeBudget,
  StoreErrorPolicy,
  WithoutStore,
} from './core/budget.ts';
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
export { editKinds } from './core/offer.ts';
export type { CallEdits, EditKind, MessageEdit, Offer } from './core/offer.ts';
export type { Usage, UsageReport } from './core/usage.ts';
export type { DenialFacts, Halt, HaltCause, InputExcess } from './core/halt.ts';
export { carriedFrom } from './core/history.ts';
export type { SentBefore } from './core/history.ts';
export type { HistoryCost, HistoryTurn, Intervention, NameTotals, RunReport } from './core/report.ts';
export {
  BudgetExceededError,
  DeadlineExceededError,
  findHaltError,
  GuardError,
  HaltedByPersonError,
  HaltError,
  InputTooLargeError,
  InvalidOptionError,
  LoopDetectedError,
  ResumeRefusedError,
  RunEndedError,
  StoreUnavailableError,
  UnpricedModelError,
} from './core/errors.ts';

// The ladder
export { cachedAnswer } from './ladder/cached-answer.ts';
export { cheaperModel } from './ladder/cheaper-model.ts';
export { handoff } from './ladder/handoff.ts';
export { heldBackCall } from './ladder/held-back-call.ts';
export { lighterReasoning } from './ladder/lighter-reasoning.ts';
export { notice } from './ladder/notice.ts';
export { presetRungs } from './ladder/presets.ts';
export { pauseRun, resumeRun, stopRun } from './ladder/run-decision.ts';
export type { HandoffDecision, RunDecision } from './ladder/run-decision.ts';
export { shorterReplies } from './ladder/shorter-replies.ts';
export { summarizedHistory } from './ladder/summarized-history.ts';
export { trimmedContext } from './ladder/trimmed-context.ts';
export { wrapUp } from './ladder/wrap-up.ts';
export { webhookHandoff } from './runtime/webhook-handoff.ts';
export type { WebhookHandoffOptions } from './runtime/webhook-handoff.ts';
export { keepsPairs } from './ladder/pairs.ts';
export type { CachedAnswerOptions, LookUpAnswer } from './ladder/cached-answer.ts';
export type { ChooseModel, ModelChoice } from './ladder/cheaper-model.ts';
export type { HandOver, HandoffOptions, HandoffPackage } from './ladder/handoff.ts';
export type { HeldBackCallOptions } from './ladder/held-back-call.ts';
export type { ExcessAction, InputLimit, InputOptions } from './ladder/input-option.ts';
export type { LighterReasoningOptions } from './ladder/lighter-reasoning.ts';
export type { NoticeOptions } from './ladder/notice.ts';
export type { LadderOption } from './ladder/options.ts';
export type { LadderPreset } from './ladder/presets.ts';
export type { PrepareContext, Rung, RungContext, RungOffer, RungOptions, RungStanding } from './ladder/rung.ts';
export type { ShorterRepliesOptions } from './ladder/shorter-replies.ts';
export type { Summarize, SummarizedHistoryOptions } from './ladder/summarized-history.ts';
export type { TrimmedContextOptions } from './ladder/trimmed-context.ts';
export type { WrapUpOptions } from './ladder/wrap-up.ts';

// Loops
export { createLoopJudge } from './loops/judge.ts';
export type { Detector, LoopJudge, Sighting, StepHistory } from './loops/detector.ts';
export type { LoopOptions, LoopPreset, LoopSettings, ToolPolicy } from './loops/options.ts';
export type { Verdict, VerdictEvidence } from './core/verdict.ts';

// Tokens and prices
export { createMeter } from './meter/create-meter.ts';
export { countTokens, withinTokens } from './meter/count-tokens.ts';
export type { CountTokensOptions } from './meter/count-tokens.ts';
export { mediaFromDataUrl } from './meter/media/data-url.ts';
export { refreshPriceTable } from './meter/prices/price-table.ts';
export { pricesFromFile, refreshablePrices } from './meter/prices/refreshable-prices.ts';
export type { RefreshablePrices } from './meter/prices/refreshable-prices.ts';
export type { ModelRates, PriceQuery } from './meter/prices/rates.ts';
export { InvalidUsageError } from './meter/usage/invalid-usage-error.ts';
export { usageFrom } from './meter/usage/usage-shapes.ts';
export { reportedUsage } from './meter/usage/reported-usage.ts';
export type { Encoding } from './meter/families.ts';
export type { BilledRatio, InputCount, Meter, ModelPrice, OutputCounter } from './meter/meter.ts';
export type { CallTokenizer, MeterOptions, PriceFunction, TextTokenizer, Tokenizer } from './meter/options.ts';

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
export type { AuditLog, AuditLogOptions } from './audit/log/audit-log.ts';
export { followEntries } from './audit/log/follow-entries.ts';
export type { EventSource, FollowOptions } from './audit/log/follow-entries.ts';
export { readAuditLog } from './audit/log/read-audit-log.ts';
export { followAuditLog } from './audit/log/follow-audit-log.ts';
export type { FollowAuditLogOptions } from './audit/log/follow-audit-log.ts';
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

import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { CreditsModule } from '../credits/credits.module.js';
import { DatabaseModule } from '../database/database.module.js';
import { ModelsModule } from '../models/models.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { SubscriptionModule } from '../subscription/subscription.module.js';
import { UsageModule } from '../usage/usage.module.js';
import { AdmissionService } from './admission.service.js';
import { ChatAttempts } from './chat-attempts.service.js';
import { ChatReader } from './chat-reader.service.js';
import { ChatResponder } from './chat-responder.service.js';
import { ChatTargetService } from './chat-target.service.js';
import { ChatCompletionsController } from './dialects/chat-completions/chat-completions.controller.js';
import { MessagesController } from './dialects/messages/messages.controller.js';
import { ResponsesController } from './dialects/responses/responses.controller.js';
import { EmbeddingAdmission } from './embedding-admission.service.js';
import { EmbeddingHoldService } from './embedding-hold.service.js';
import { EmbeddingGuard } from './embedding.guard.js';
import { EmbeddingService } from './embedding.service.js';
import { EmbeddingsController } from './embeddings.controller.js';
import { EstimateService } from './estimate.service.js';
import { EstimatesController } from './estimates.controller.js';
import { ChatHoldService } from './chat-hold.service.js';
import { FallbackPlanner } from './fallback-planner.service.js';
import { HoldPlanner } from './hold-planner.service.js';
import { ChargeOnce } from './idempotency/charge-once.service.js';
import { ImageMeasurer } from './images/image-measurer.service.js';
import { InFlightRequests } from './in-flight-requests.js';
import { InferenceService } from './inference.service.js';
import { ModelListService } from './model-list.service.js';
import { ModelsController } from './models.controller.js';
import { OverrunGuard } from './overrun-guard.service.js';
import { ProviderAdminController } from './provider-admin/provider.admin.controller.js';
import { ProviderAccounts } from './provider-admin/provider-accounts.service.js';
import { ProviderCredentialService } from './provider-admin/provider-credential.service.js';
import { ProviderOverview } from './provider-admin/provider-overview.service.js';
import { ProviderConnections } from './providers/provider-connections.js';
import { ProviderRegistry } from './providers/provider-registry.js';
import { SandboxProvider } from './providers/sandbox.provider.js';
import { CircuitBreakerAdminController } from './resilience/circuit-breaker.admin.controller.js';
import { CircuitBreakerRepository } from './resilience/circuit-breaker.repository.js';
import { CircuitBreakers } from './resilience/circuit-breakers.service.js';
import { ErrorLogsAdminController } from './resilience/error-logs.admin.controller.js';
import { ErrorLogs } from './resilience/error-logs.service.js';
import { ErrorRecorder } from './resilience/error-recorder.service.js';
import { ErrorRetention } from './resilience/error-retention.js';
import { TokenCounter } from './token-counter.service.js';
import { UnattendedAdmission } from './unattended-admission.service.js';
import { UnattendedChat } from './unattended-chat.service.js';
import { UsageEstimator } from './usage-estimator.service.js';

@Module({
  imports: [AuthModule, CreditsModule, DatabaseModule, ModelsModule, MonitoringModule, SubscriptionModule, UsageModule],
  controllers: [
    ChatCompletionsController,
    CircuitBreakerAdminController,
    EmbeddingsController,
    ErrorLogsAdminController,
    EstimatesController,
    MessagesController,
    ModelsController,
    ProviderAdminController,
    ResponsesController,
  ],
  providers: [
    AdmissionService,
    ChargeOnce,
    ChatAttempts,
    ChatReader,
    ChatResponder,
    ChatTargetService,
    CircuitBreakerRepository,
    CircuitBreakers,
    EmbeddingAdmission,
    EmbeddingGuard,
    EmbeddingHoldService,
    EmbeddingService,
    ErrorLogs,
    ErrorRecorder,
    ErrorRetention,
    EstimateService,
    FallbackPlanner,
    HoldPlanner,
    ChatHoldService,
    ImageMeasurer,
    InFlightRequests,
    InferenceService,
    ModelListService,
    OverrunGuard,
    ProviderAccounts,
    ProviderCredentialService,
    ProviderOverview,
    ProviderConnections,
    ProviderRegistry,
    SandboxProvider,
    TokenCounter,
    UnattendedAdmission,
    UnattendedChat,
    UsageEstimator,
  ],
  exports: [ChargeOnce, CircuitBreakers, UnattendedAdmission, UnattendedChat],
})
export class InferenceModule {}

import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { CreditsModule } from '../credits/credits.module.js';
import { ModelsModule } from '../models/models.module.js';
import { SubscriptionModule } from '../subscription/subscription.module.js';
import { UsageModule } from '../usage/usage.module.js';
import { AdmissionService } from './admission.service.js';
import { ChatController } from './chat.controller.js';
import { ChatReader } from './chat-reader.service.js';
import { ChatResponder } from './chat-responder.service.js';
import { ChatTargetService } from './chat-target.service.js';
import { EmbeddingGuard } from './embedding.guard.js';
import { EmbeddingService } from './embedding.service.js';
import { EmbeddingsController } from './embeddings.controller.js';
import { EstimateService } from './estimate.service.js';
import { EstimatesController } from './estimates.controller.js';
import { ChatHoldService } from './chat-hold.service.js';
import { HoldPlanner } from './hold-planner.service.js';
import { ChargeOnce } from './idempotency/charge-once.service.js';
import { ImageMeasurer } from './images/image-measurer.service.js';
import { InFlightRequests } from './in-flight-requests.js';
import { InferenceService } from './inference.service.js';
import { ModelListService } from './model-list.service.js';
import { ModelsController } from './models.controller.js';
import { ProviderRegistry } from './providers/provider-registry.js';
import { SandboxProvider } from './providers/sandbox.provider.js';
import { TokenCounter } from './token-counter.service.js';
import { UsageEstimator } from './usage-estimator.service.js';

@Module({
  imports: [AuthModule, CreditsModule, ModelsModule, SubscriptionModule, UsageModule],
  controllers: [ChatController, EmbeddingsController, EstimatesController, ModelsController],
  providers: [
    AdmissionService,
    ChargeOnce,
    ChatReader,
    ChatResponder,
    ChatTargetService,
    EmbeddingGuard,
    EmbeddingService,
    EstimateService,
    HoldPlanner,
    ChatHoldService,
    ImageMeasurer,
    InFlightRequests,
    InferenceService,
    ModelListService,
    ProviderRegistry,
    SandboxProvider,
    TokenCounter,
    UsageEstimator,
  ],
})
export class InferenceModule {}

import { Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { AccessGuard } from './access/access.guard.js';
import { AccessTokens } from './access/access-tokens.js';
import { AccessTokenVerifier } from './access/access-token.verifier.js';
import { ApiKeyRepository } from './access/api-key.repository.js';
import { ApiKeyUses } from './access/api-key-uses.js';
import { ApiKeyVerifier } from './access/api-key.verifier.js';
import { CredentialReader } from './access/credential-reader.js';
import { DpopProofs } from './access/dpop-proofs.js';
import { RequestAuthenticator } from './access/request-authenticator.js';
import { RevocationList } from './access/revocation-list.js';
import { RouteTable } from './access/route-table.js';
import { AccountController } from './account/account.controller.js';
import { AccountOverview } from './account/account-overview.js';
import { AccountSessions } from './account/account-session.service.js';
import { AccountVisits } from './account/account-visits.js';
import { ApiKeysController } from './account/api-keys.controller.js';
import { ApiKeysService } from './account/api-keys.service.js';
import { AuthPersonalData } from './account/auth-personal-data.js';
import { MeController } from './account/me.controller.js';
import { PersonalExport } from './account/personal-export.service.js';
import { PreferencesController } from './account/preferences.controller.js';
import { PreferencesService } from './account/preferences.service.js';
import { ProfileService } from './account/profile.service.js';
import { SessionsController } from './account/sessions.controller.js';
import { IdentitiesController } from './account/identities.controller.js';
import { ApiKeysAdminController } from './admin/api-keys.admin.controller.js';
import { KeysAdminController } from './admin/keys.admin.controller.js';
import { SessionsAdminController } from './admin/sessions.admin.controller.js';
import { SecurityController } from './account/security.controller.js';
import { AccountSecurity } from './account/security.service.js';
import { UserOperations } from './admin/user-operations.service.js';
import { UsersAdminController } from './admin/users.admin.controller.js';
import { AccountDeletion } from './identity/account-deletion.service.js';
import { AuthEventRecorder } from './identity/auth-event.recorder.js';
import { DevelopmentUsers } from './identity/development-users.js';
import { EmailChangeController } from './identity/email-change.controller.js';
import { EmailChange } from './identity/email-change.service.js';
import { EmailLinks } from './identity/email-links.service.js';
import { EmailTokenRepository } from './identity/email-token.repository.js';
import { EmailVerificationController } from './identity/email-verification.controller.js';
import { EmailVerification } from './identity/email-verification.service.js';
import { ErasureJob } from './identity/erasure.job.js';
import { AuthenticatorApp } from './identity/factors/authenticator-app.service.js';
import { PasskeyChallenges } from './identity/factors/passkey-challenges.js';
import { Passkeys } from './identity/factors/passkeys.service.js';
import { RecoveryCodes } from './identity/factors/recovery-codes.service.js';
import { SecondFactors } from './identity/factors/second-factors.service.js';
import { LoginThrottle } from './identity/login-throttle.service.js';
import { PasswordGate } from './identity/password-gate.js';
import { PasswordHasher } from './identity/password-hasher.js';
import { PasswordResetController } from './identity/password-reset.controller.js';
import { PasswordReset } from './identity/password-reset.service.js';
import { Registration } from './identity/registration.service.js';
import { SignInService } from './identity/sign-in.service.js';
import { LinkedIdentityRepository } from './identity/upstream/linked-identity.repository.js';
import { UpstreamAccounts } from './identity/upstream/upstream-accounts.service.js';
import { UpstreamIssuers } from './identity/upstream/upstream-issuers.js';
import { UserAdminService } from './identity/user-admin.service.js';
import { UserRepository } from './identity/user.repository.js';
import { MailDelivery } from './mail/mail-delivery.service.js';
import { MailOutboxRepository } from './mail/mail-outbox.repository.js';
import { MailTransport } from './mail/mail-transport.js';
import { Mailer } from './mail/mailer.js';
import { AuthGrantRepository } from './oauth/auth-grant.repository.js';
import { CliTokenService } from './oauth/cli-token.service.js';
import { AuthEventsAdminController } from './admin/auth-events.admin.controller.js';
import { SignInBlocksAdminController } from './admin/sign-in-blocks.admin.controller.js';
import { SignInBlocks } from './identity/sign-in-blocks.service.js';
import { KnownDevices } from './identity/known-devices.js';
import { AuthEventRepository } from './identity/auth-event.repository.js';
import { OAuthClientsAdminController } from './admin/oauth-clients.admin.controller.js';
import { CleanUpJob } from './oauth/clean-up.job.js';
import { ExpiredRows } from './oauth/expired-rows.repository.js';
import { ClientRegistry } from './oauth/client-registry.service.js';
import { ServiceAccounts } from './oauth/service-accounts.service.js';
import { EndpointLimiter } from './oauth/endpoint-limiter.js';
import { ConsentService } from './oauth/consent.service.js';
import { DeviceService } from './oauth/device.service.js';
import { FactorStepController } from './oauth/factor-step.controller.js';
import { FactorStep } from './oauth/factor-step.service.js';
import { GrantService } from './oauth/grant.service.js';
import { InteractionController } from './oauth/interaction.controller.js';
import { Interactions } from './oauth/interactions.js';
import { InteractionService } from './oauth/interaction.service.js';
import { InteractionVisits } from './oauth/interaction-visits.js';
import { UpstreamStepController } from './oauth/upstream-step.controller.js';
import { UpstreamVisits } from './oauth/upstream-visits.js';
import { KeyRotation } from './oauth/key-rotation.service.js';
import { KeyRotationJob } from './oauth/key-rotation.job.js';
import { KeyService } from './oauth/key.service.js';
import { OAuthClientRepository } from './oauth/oauth-client.repository.js';
import { OidcAdapters } from './oauth/oidc-adapters.js';
import { OidcArtifactRepository } from './oauth/oidc-artifact.repository.js';
import { OidcEndpoint } from './oauth/oidc-endpoint.js';
import { OidcProviderHolder } from './oauth/oidc-provider.holder.js';
import { ProtectedResourceController } from './oauth/protected-resource.controller.js';
import { ReuseWarning } from './oauth/reuse-warning.js';
import { SigningKeyRepository } from './oauth/signing-key.repository.js';
import { DatabaseModule } from '../database/database.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { SealedCookies } from './sealed-cookies.js';
import { Sealer } from './sealer.js';

/** Who may sign in, with what, and who makes a request. Guards every route of the application; see `mountAuth` for its raw part. */
@Module({
  imports: [DatabaseModule, DiscoveryModule, MonitoringModule],
  controllers: [
    ProtectedResourceController,
    InteractionController,
    EmailVerificationController,
    ApiKeysController,
    PasswordResetController,
    EmailChangeController,
    FactorStepController,
    UpstreamStepController,
    AccountController,
    SecurityController,
    IdentitiesController,
    MeController,
    PreferencesController,
    ApiKeysAdminController,
    AuthEventsAdminController,
    KeysAdminController,
    OAuthClientsAdminController,
    SessionsController,
    SessionsAdminController,
    SignInBlocksAdminController,
    UsersAdminController,
  ],
  providers: [
    { provide: APP_GUARD, useClass: AccessGuard },
    AccessTokens,
    AccessTokenVerifier,
    ApiKeyRepository,
    ApiKeysService,
    ApiKeyUses,
    ApiKeyVerifier,
    AccountDeletion,
    AccountOverview,
    AccountSecurity,
    AccountSessions,
    AccountVisits,
    AuthenticatorApp,
    AuthEventRecorder,
    AuthEventRepository,
    AuthGrantRepository,
    AuthPersonalData,
    CleanUpJob,
    ClientRegistry,
    CliTokenService,
    ConsentService,
    CredentialReader,
    DevelopmentUsers,
    DeviceService,
    EmailChange,
    EmailLinks,
    EmailTokenRepository,
    EmailVerification,
    ErasureJob,
    FactorStep,
    DpopProofs,
    EndpointLimiter,
    ExpiredRows,
    GrantService,
    Interactions,
    InteractionService,
    InteractionVisits,
    KeyRotation,
    KeyRotationJob,
    KeyService,
    KnownDevices,
    LinkedIdentityRepository,
    LoginThrottle,
    MailDelivery,
    Mailer,
    MailOutboxRepository,
    MailTransport,
    OAuthClientRepository,
    OidcAdapters,
    OidcArtifactRepository,
    OidcEndpoint,
    OidcProviderHolder,
    PasskeyChallenges,
    Passkeys,
    PasswordGate,
    PasswordHasher,
    PasswordReset,
    PersonalExport,
    PreferencesService,
    ProfileService,
    RecoveryCodes,
    Registration,
    RequestAuthenticator,
    ReuseWarning,
    RevocationList,
    RouteTable,
    SealedCookies,
    Sealer,
    SecondFactors,
    ServiceAccounts,
    SignInBlocks,
    SignInService,
    SigningKeyRepository,
    UpstreamAccounts,
    UpstreamIssuers,
    UpstreamVisits,
    UserAdminService,
    UserOperations,
    UserRepository,
  ],
  exports: [
    AccessTokenVerifier,
    CliTokenService,
    DevelopmentUsers,
    Mailer,
    PreferencesService,
    RouteTable,
    Sealer,
    UserAdminService,
  ],
})
export class AuthModule {}

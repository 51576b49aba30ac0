import { Controller } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '../../common/http/route-markers.js';
import { Config } from '../../config/config.js';
import { EmailLinkController } from './email-link.controller.js';
import { EmailVerification } from './email-verification.service.js';

const PATH = '/verify-email';

/** The link that confirms the address of a new account. */
@ApiExcludeController()
@Public()
@Controller(PATH)
export class EmailVerificationController extends EmailLinkController {
  constructor(config: Config, verification: EmailVerification) {
    super(config, {
      path: PATH,
      peek: (token) => verification.peek(token),
      confirm: (token, origin) => verification.confirm(token, origin),
      titleOf: (texts) => texts.verify.title,
      doneOf: ({ verify }) => ({ title: verify.done, heading: verify.doneHeading }),
    });
  }
}

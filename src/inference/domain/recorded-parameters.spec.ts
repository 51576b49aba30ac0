import { recordedParameters } from './recorded-parameters.js';

describe('the parameters that a row keeps', () => {
  it('have no text of the user in them', () => {
    const kept = recordedParameters({
      temperature: 0.5,
      stop: ['secret', 'END'],
      logit_bias: { 50_256: -100 },
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: { title: 'secret' } } },
    });
    expect(kept).toEqual({
      temperature: 0.5,
      stop: { items: 2, characters: 9 },
      logit_bias: { items: 1 },
      response_format: { type: 'json_schema', name: 'answer', characters: 45 },
    });
  });

  it('are what they were where there is none', () => {
    expect(recordedParameters({ stop: 'END' })).toEqual({ stop: { items: 1, characters: 3 } });
    expect(recordedParameters({ response_format: { type: 'json_object' } })).toEqual({
      response_format: { type: 'json_object' },
    });
    expect(recordedParameters({ n: 1, reasoning_effort: 'low' })).toEqual({ n: 1, reasoning_effort: 'low' });
  });
});

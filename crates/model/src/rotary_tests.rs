//! Frequencies against those that transformers 5.23 computes (`ROPE_INIT_FUNCTIONS`, torch, float32).

use crate::spec::{Pairing, Rotary, RotaryScaling};

fn half(dim: usize, theta: f32, scaling: RotaryScaling) -> Rotary {
    Rotary { dim, theta, pairing: Pairing::Half, scaling }
}

fn yarn(factor: f32, original_context: usize, beta_fast: f32, beta_slow: f32, truncate: bool) -> RotaryScaling {
    RotaryScaling::Yarn { factor, original_context, beta_fast, beta_slow, attention_factor: 1.25, truncate }
}

fn longrope() -> RotaryScaling {
    RotaryScaling::LongRope {
        short_factors: (0..8).map(|i| 1.0 + 0.1 * i as f32).collect(),
        long_factors: (0..8).map(|i| 1.0 + 2.5 * i as f32).collect(),
        original_context: 4096,
        attention_factor: 1.5,
    }
}

/// What it is, the embedding, the planned context, and some of the frequencies by index.
type Case = (&'static str, Rotary, usize, &'static [(usize, f32)]);

#[test]
#[allow(clippy::excessive_precision, reason = "as torch prints them")]
fn every_scaling_gives_the_frequencies_of_transformers() {
    let cases: &[Case] = &[
        (
            "the unscaled frequencies",
            half(128, 500_000.0, RotaryScaling::None),
            1,
            &[
                (0, 1.0),
                (1, 0.8146172165870667),
                (2, 0.663601279258728),
                (31, 0.0017360467463731766),
                (62, 3.01385807688348e-06),
                (63, 2.4551407022954663e-06),
            ],
        ),
        (
            "linear scaling",
            half(16, 10_000.0, RotaryScaling::Linear { factor: 4.0 }),
            1,
            &[
                (0, 0.25),
                (1, 0.07905694097280502),
                (2, 0.02500000037252903),
                (3, 0.007905694656074047),
                (4, 0.0024999999441206455),
                (5, 0.0007905694656074047),
                (6, 0.0002500000118743628),
                (7, 7.905694656074047e-05),
            ],
        ),
        (
            "dynamic scaling within the original context",
            half(16, 10_000.0, RotaryScaling::Dynamic { factor: 2.0, original_context: 512 }),
            100,
            &[
                (0, 1.0),
                (1, 0.3162277638912201),
                (2, 0.10000000149011612),
                (3, 0.03162277862429619),
                (4, 0.009999999776482582),
                (5, 0.003162277862429619),
                (6, 0.0010000000474974513),
                (7, 0.0003162277862429619),
            ],
        ),
        (
            "dynamic scaling beyond the original context",
            half(16, 10_000.0, RotaryScaling::Dynamic { factor: 2.0, original_context: 512 }),
            2000,
            &[
                (0, 1.0),
                (1, 0.24041204154491425),
                (2, 0.05779794603586197),
                (3, 0.013895323500037193),
                (4, 0.0033406028524041176),
                (5, 0.0008031211327761412),
                (6, 0.0001930799917317927),
                (7, 4.641875420929864e-05),
            ],
        ),
        (
            "Llama 3's interpolation",
            half(
                128,
                500_000.0,
                RotaryScaling::Llama3 {
                    factor: 8.0,
                    low_freq_factor: 1.0,
                    high_freq_factor: 4.0,
                    original_context: 8192,
                },
            ),
            1,
            &[
                (0, 1.0),
                (1, 0.8146172165870667),
                (28, 0.0032114461064338684),
                (29, 0.0021665706299245358),
                (30, 0.0013718936825171113),
                (31, 0.0008567514596506953),
                (32, 0.0005248460220173001),
                (33, 0.0003126936499029398),
                (34, 0.0001785077911335975),
                (35, 9.556212171446532e-05),
                (36, 7.784655463183299e-05),
                (63, 3.068925877869333e-07),
            ],
        ),
        (
            "YaRN",
            half(128, 1e6, yarn(4.0, 32_768, 32.0, 1.0, true)),
            1,
            &[
                (0, 1.0),
                (1, 0.8058422207832336),
                (22, 0.00865964312106371),
                (23, 0.006978305988013744),
                (24, 0.005375321488827467),
                (30, 0.0010643609566614032),
                (38, 9.262301318813115e-05),
                (39, 6.490394298452884e-05),
                (40, 4.4456985051510856e-05),
                (63, 3.102344408034696e-07),
            ],
        ),
        (
            "YaRN with an unrounded correction range",
            half(64, 10_000.0, yarn(8.0, 256, 16.0, 2.0, false)),
            1,
            &[
                (0, 1.0),
                (1, 0.7498942017555237),
                (3, 0.4216965138912201),
                (4, 0.28740859031677246),
                (5, 0.186805859208107),
                (8, 0.04244179651141167),
                (10, 0.010245522484183311),
                (11, 0.005271206144243479),
                (12, 0.0039528473280370235),
                (31, 1.666901880525984e-05),
            ],
        ),
        (
            "LongRoPE within the original context",
            half(16, 10_000.0, longrope()),
            4096,
            &[
                (0, 1.0),
                (1, 0.2874797582626343),
                (2, 0.0833333358168602),
                (3, 0.024325214326381683),
                (4, 0.0071428571827709675),
                (5, 0.0021081853192299604),
                (6, 0.0006249999860301614),
                (7, 0.0001860163320088759),
            ],
        ),
        (
            "LongRoPE beyond the original context",
            half(16, 10_000.0, longrope()),
            4097,
            &[
                (0, 1.0),
                (1, 0.09035078436136246),
                (2, 0.01666666753590107),
                (3, 0.003720326581969857),
                (4, 0.0009090909152291715),
                (5, 0.0002342427906114608),
                (6, 6.25000029685907e-05),
                (7, 1.7093392671085894e-05),
            ],
        ),
    ];
    for (what, rotary, context, expected) in cases {
        let found = rotary.frequencies(*context);
        assert_eq!(found.inv_freq.len(), rotary.dim / 2, "{what}");
        for &(i, expected) in *expected {
            let error = (found.inv_freq[i] - expected).abs() / expected;
            assert!(error < 4e-7, "{what}: frequency {i} is {}, and {expected} is expected", found.inv_freq[i]);
        }
    }
}

#[test]
fn only_yarn_and_longrope_scale_what_is_rotated() {
    let factor = |scaling| half(16, 10_000.0, scaling).frequencies(1).attention_factor;
    assert_eq!(factor(RotaryScaling::None), 1.0);
    assert_eq!(factor(RotaryScaling::Linear { factor: 4.0 }), 1.0);
    assert_eq!(factor(yarn(4.0, 512, 32.0, 1.0, true)), 1.25);
    assert_eq!(factor(longrope()), 1.5);
}

#[test]
fn divisors_divide_each_its_frequency() {
    let plain = half(8, 10_000.0, RotaryScaling::None).frequencies(1).inv_freq;
    let divided = half(8, 10_000.0, RotaryScaling::Divisors(vec![1.0, 2.0, 4.0, 8.0])).frequencies(1).inv_freq;
    for (i, divisor) in [1.0, 2.0, 4.0, 8.0].into_iter().enumerate() {
        let error = (divided[i] * divisor - plain[i]).abs() / plain[i];
        assert!(error < 4e-7, "frequency {i}");
    }
}

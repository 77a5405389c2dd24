//! Wide arithmetic for the CPU kernels: plain Rust that the compiler turns into vector code.
//!
//! The baseline of the build is any x86-64 machine, so each kernel is compiled three times (as it is, for
//! AVX2 and for AVX-512) and the best one that this machine has is picked once per call.

#![expect(
    clippy::needless_range_loop,
    reason = "several arrays share an index; ranges of constant length unroll"
)]

/// Readings, gates or channels handled side by side.
pub(crate) const LANES: usize = 16;

/// One vector of [`LANES`] numbers.
#[derive(Clone, Copy)]
pub(crate) struct Lanes(pub(crate) [f32; LANES]);

impl Lanes {
    pub(crate) const ZERO: Self = Self([0.0; LANES]);

    #[inline(always)]
    pub(crate) fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    /// The first [`LANES`] numbers of `from`.
    #[inline(always)]
    pub(crate) fn load(from: &[f32]) -> Self {
        let mut lanes = [0.0; LANES];
        lanes.copy_from_slice(&from[..LANES]);
        Self(lanes)
    }

    #[inline(always)]
    pub(crate) fn store(self, to: &mut [f32]) {
        to[..LANES].copy_from_slice(&self.0);
    }

    #[inline(always)]
    pub(crate) fn map(self, f: impl Fn(f32) -> f32) -> Self {
        let mut out = self.0;
        for v in &mut out {
            *v = f(*v);
        }
        Self(out)
    }

    #[inline(always)]
    pub(crate) fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self.0;
        for (v, o) in out.iter_mut().zip(other.0) {
            *v = f(*v, o);
        }
        Self(out)
    }

    /// `self + a * b`, fused where the machine can.
    #[inline(always)]
    pub(crate) fn add_mul<const FMA: bool>(self, a: Self, b: Self) -> Self {
        let mut out = self.0;
        for i in 0..LANES {
            out[i] = if FMA { a.0[i].mul_add(b.0[i], out[i]) } else { out[i] + a.0[i] * b.0[i] };
        }
        Self(out)
    }
}

/// e to the `x`, for x in −87 … 87 (clamped there); relative error below 3e-7.
///
/// Splits x into n·ln 2 + r with |r| ≤ ½ ln 2 and sums the Taylor series of e^r to the seventh power.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding and taking away 1.5 · 2^23 rounds to the nearest whole number without a branch or a call.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let p = 1.0 / 5_040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    p * power
}

/// 1 ÷ (1 + e^−x).
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Hyperbolic tangent, absolute error below 3e-7.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp(2.0 * x))
}

/// Declares `$name`, which runs `$body::<FMA>` compiled for the widest vectors that this machine has.
macro_rules! widest {
    ($vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) = $body:ident) => {
        #[inline]
        $vis fn $name($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                fn avx512($($arg: $ty),*) {
                    $body::<true>($($arg),*);
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) {
                    $body::<true>($($arg),*);
                }
                let wide = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
                let widest = wide
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq");
                if widest {
                    #[expect(unsafe_code, reason = "the machine was just asked whether it has every feature named above")]
                    return unsafe { avx512($($arg),*) };
                }
                if wide {
                    #[expect(unsafe_code, reason = "the machine was just asked whether it has every feature named above")]
                    return unsafe { avx2($($arg),*) };
                }
            }
            $body::<false>($($arg),*);
        }
    };
}
pub(crate) use widest;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_the_exact_one() {
        for i in -8_600..=8_600 {
            let x = i as f32 * 0.01;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 3e-7, "exp({x}) = {}", exp(x));
        }
    }

    #[test]
    fn gates_agree_with_the_exact_ones() {
        for i in -20_000..=20_000 {
            let x = i as f32 * 0.005;
            let exact = f64::from(x);
            assert!((f64::from(tanh(x)) - exact.tanh()).abs() < 3e-7, "tanh({x})");
            assert!((f64::from(sigmoid(x)) - 1.0 / (1.0 + (-exact).exp())).abs() < 2e-7, "sigmoid({x})");
        }
    }
}

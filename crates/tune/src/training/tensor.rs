//! Between the training library's tensors and slices.

use std::cell::RefCell;
use std::ops::{Deref, Range};

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Result, Shape, Storage, StorageRef, Tensor, bail};

/// The values of a contiguous tensor of single-precision numbers.
pub struct Floats<'a> {
    storage: StorageRef<'a>,
    at: Range<usize>,
}

impl Deref for Floats<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.at.clone()],
            // [`floats`] looked.
            _ => &[],
        }
    }
}

/// The values of `tensor`, which stays locked while they are in use.
pub fn floats(tensor: &Tensor) -> Result<Floats<'_>> {
    let (storage, layout) = tensor.storage_and_layout();
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("a tensor is not contiguous") };
    match &*storage {
        Storage::Cpu(CpuStorage::F32(_)) => Ok(Floats { storage, at: start..end }),
        _ => bail!("a tensor is not of single-precision numbers in memory"),
    }
}

/// A tensor of `values`.
pub fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

/// Changes the values of a contiguous tensor that nobody else looks at.
pub fn change<R>(tensor: &Tensor, by: impl FnOnce(&mut [f32]) -> R) -> Result<R> {
    struct Change<F, R>(RefCell<(Option<F>, Option<R>)>);
    impl<R, F: FnOnce(&mut [f32]) -> R> InplaceOp1 for Change<F, R> {
        fn name(&self) -> &'static str {
            "change"
        }

        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
            let (by, result) = &mut *self.0.borrow_mut();
            match (layout.contiguous_offsets(), storage, by.take()) {
                (Some((start, end)), CpuStorage::F32(values), Some(by)) => *result = Some(by(&mut values[start..end])),
                _ => bail!("a tensor is not of contiguous single-precision numbers"),
            }
            Ok(())
        }
    }
    let change = Change(RefCell::new((Some(by), None)));
    tensor.inplace_op1(&change)?;
    match change.0.into_inner() {
        (_, Some(result)) => Ok(result),
        _ => bail!("a tensor was not changed"),
    }
}

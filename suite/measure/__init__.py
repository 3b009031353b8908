"""What the papers measure on features, as pure functions, and one pass that measures every layer.

A *feature map* is a floating-point tensor ``[B, N, C]``: images, tokens, channels. Every function takes it in
bfloat16, float16, float32 or float64, on any device, and sums in float64.

| module | quantity |
|---|---|
| ``magnitude`` | mean absolute activation; scale about the mean |
| ``spectrum`` | channel amplitude, intensity, DC share, flatness, low-pass share |
| ``entropy`` | bits of a token's channel histogram under three choices of range |
| ``entropy_slope`` | bits that a doubling of scale gives, by width and number of bins |
| ``rank`` | dimensions of one image that hold a share of its energy; participation ratio |
| ``shared_basis`` | the same in one basis for all images |
| ``energy_pattern`` | the cumulative "spectral energy pattern", in bin order and sorted |
| ``subspace`` | principal angles between images and between halves of one image, at matched positions |
| ``similarity`` | linear CKA; likeness of two channel spectra |
| ``nulls`` | features for which a finding must fail |
| ``planted`` | features for which a finding must hold |
| ``depth`` | the shape of a profile over layers |
| ``probe``, ``probes`` | each measurement as something that images stream through, one file each: add one there |
| ``stream`` | any of them, in every layer, over any number of images in one forward pass |
| ``goldens`` | agreement with numbers computed by the authors' released code |

Nothing here imports another part of the suite.
"""

package org.iommu4j.contract;

/** The structures and numbers of the 2017 proposal, VFIO's map and unmap, and the bind header that this contract adds. */
public final class Uapi {
    /** ioctl type of VFIO, {@code ';'}. */
    public static final int VFIO_TYPE = 0x3b;

    /** First number of VFIO. */
    public static final int VFIO_BASE = 100;

    /** {@code VFIO_IOMMU_OP_IOCTL} in the generic encoding: x86, Arm, s390. */
    public static final int VFIO_IOMMU_OP = VFIO_TYPE << 8 | (VFIO_BASE + 24);

    /** Bit that powerpc sets in each request number, where "no direction" is a one in bit 29. */
    public static final int POWERPC_NO_DIRECTION = 1 << 29;

    /** {@code VFIO_IOMMU_OP_IOCTL} on powerpc. */
    public static final int VFIO_IOMMU_OP_POWERPC = POWERPC_NO_DIRECTION | VFIO_IOMMU_OP;

    /** {@code VFIO_IOMMU_MAP_DMA} in the generic encoding. */
    public static final int VFIO_IOMMU_MAP_DMA = VFIO_TYPE << 8 | (VFIO_BASE + 13);

    /** {@code VFIO_IOMMU_UNMAP_DMA} in the generic encoding. */
    public static final int VFIO_IOMMU_UNMAP_DMA = VFIO_TYPE << 8 | (VFIO_BASE + 14);

    /** {@code flag}: bind a PASID table. */
    public static final int BIND_PASIDTBL = 1;

    /** {@code flag}: bind a PASID of a user-space driver. */
    public static final int BIND_PASID = 1 << 1;

    /** {@code flag}: bind a guest's page table. */
    public static final int BIND_PGTABLE = 1 << 2;

    /** {@code flag}: invalidate cached translations. */
    public static final int INVAL_IOTLB = 1 << 3;

    /** All bits of {@code flag} that have a meaning. */
    public static final int FLAG_MASK = BIND_PASIDTBL | BIND_PASID | BIND_PGTABLE | INVAL_IOTLB;

    /** {@code scope}: one PASID. */
    public static final int SCOPE_PASID = 1;

    /** {@code scope}: an address range. */
    public static final int SCOPE_VADDR = 1 << 1;

    /** All bits of {@code scope} that have a meaning. */
    public static final int SCOPE_MASK = SCOPE_PASID | SCOPE_VADDR;

    /** {@code flags}: translations of requests without a PASID. */
    public static final int FLAGS_NO_PASID = 1;

    /** {@code flags}: only last-level entries changed; a hint. */
    public static final int FLAGS_VADDR_LEAF = 1 << 1;

    /** All bits of {@code flags} that have a meaning. */
    public static final int FLAGS_MASK = FLAGS_NO_PASID | FLAGS_VADDR_LEAF;

    /** Bind {@code flags}: undo the binding; what else the vendor's part names must match it. */
    public static final int BIND_FLAG_UNBIND = 1;

    /** Map {@code flags}: devices may read. */
    public static final int MAP_FLAG_READ = 1;

    /** Map {@code flags}: devices may write. */
    public static final int MAP_FLAG_WRITE = 1 << 1;

    /** All bits of a map's {@code flags} that have a meaning. */
    public static final int MAP_FLAGS_MASK = MAP_FLAG_READ | MAP_FLAG_WRITE;

    /** Unmap {@code flags}: everything; {@code iova} and {@code size} are 0. */
    public static final int UNMAP_FLAG_ALL = 1 << 1;

    /** Width of a PASID in bits (PCI Express). */
    public static final int PASID_BITS = 20;

    private static final CStruct.Builder OPERATION =
            CStruct.named("vfio_iommu_operation_info", "2017 proposal, item 1");

    /** Size of the whole argument in bytes. */
    public static final CStruct.Field ARGSZ = OPERATION.u32("argsz", "size of the whole argument in bytes");

    /** Flag of the operation: exactly one bit. */
    public static final CStruct.Field FLAG = OPERATION.u32("flag", "which operation; exactly one bit");

    /** Bytes in {@code data}. */
    public static final CStruct.Field LENGTH = OPERATION.u32("length", "bytes in data");

    /** {@code struct vfio_iommu_operation_info}. */
    public static final CStruct OPERATION_INFO = OPERATION.build();

    /** Offset in bytes of {@code data}, the inner structure of each operation, in the argument; the same in every image. */
    public static final int DATA_OFFSET = 12;

    private static final CStruct.Builder INVALIDATE =
            CStruct.named("iommu_tlb_invalidate", "2017 proposal, item 2", DATA_OFFSET);

    /** The selected granularity: PASID, address range, or neither for the whole domain. */
    public static final CStruct.Field SCOPE = INVALIDATE.u32("scope", "bit 0 PASID, bit 1 VADDR; 0: the whole domain");

    /** Whether mappings without PASID are meant, and the hint that only leaf entries changed. */
    public static final CStruct.Field FLAGS = INVALIDATE.u32("flags", "bit 0 NO_PASID, bit 1 VADDR_LEAF");

    /** The PASID. */
    public static final CStruct.Field PASID = INVALIDATE.u32("pasid", "the PASID of scope PASID, else 0");

    /** Alignment padding, named so that it can be checked. */
    public static final CStruct.Field HOLE = INVALIDATE.hole("reserved", "padding before vaddr; zero");

    /** First address of the range. */
    public static final CStruct.Field VADDR = INVALIDATE.u64("vaddr", "first address of scope VADDR in bytes, else 0");

    /** Length of the range. */
    public static final CStruct.Field SIZE = INVALIDATE.u64("size", "length of scope VADDR in bytes, else 0");

    /** The model whose backend parses the vendor part. */
    public static final CStruct.Field MODEL = INVALIDATE.u32("model", "enum iommu_model");

    /** The vendor part's generation. */
    public static final CStruct.Field SUB_VERSION = INVALIDATE.u32("sub_version", "generation of the vendor part");

    /** Bytes in the vendor part. */
    public static final CStruct.Field DATA_LENGTH = INVALIDATE.u64("length", "bytes in the vendor part");

    /** {@code struct iommu_tlb_invalidate}. */
    public static final CStruct TLB_INVALIDATE = INVALIDATE.build();

    private static final CStruct.Builder BIND =
            CStruct.named("iommu_bind", "docs/contract.md, bind operations", DATA_OFFSET);

    /** Size of the bind message. */
    public static final CStruct.Field BIND_SIZE = BIND.u32("size", "bytes of the bind message, header included");

    /** The model whose backend parses the vendor part. */
    public static final CStruct.Field BIND_MODEL = BIND.u32("model", "enum iommu_model");

    /** The vendor part's generation. */
    public static final CStruct.Field BIND_SUB_VERSION = BIND.u32("sub_version", "generation of the vendor part");

    /** Unbind, and flags of the vendor's own. */
    public static final CStruct.Field BIND_FLAGS = BIND.u32("flags", "bit 0 UNBIND; bits 31:16 are the vendor's");

    /** Reserved; with it the vendor part's 64-bit fields are aligned in the whole message. */
    public static final CStruct.Field BIND_RESERVED = BIND.u32("reserved", "zero");

    /** The header of every bind payload; the vendor part follows in the byte order of the model. */
    public static final CStruct BIND_HEADER = BIND.build();

    private static final CStruct.Builder MAP =
            CStruct.named("vfio_iommu_type1_dma_map", "docs/contract.md, the memory of a container");

    /** Size of the whole argument. */
    public static final CStruct.Field MAP_ARGSZ = MAP.u32("argsz", "size of the whole argument in bytes");

    /** Rights of devices. */
    public static final CStruct.Field MAP_FLAGS = MAP.u32("flags", "bit 0 READ, bit 1 WRITE; at least one");

    /** Host-physical address of the memory. */
    public static final CStruct.Field MAP_VADDR = MAP.u64("vaddr", "host-physical address of the first byte");

    /** Guest-physical address of the memory. */
    public static final CStruct.Field MAP_IOVA = MAP.u64("iova", "guest-physical address of the first byte");

    /** Length of the mapping. */
    public static final CStruct.Field MAP_SIZE = MAP.u64("size", "length in bytes, not 0");

    /** {@code struct vfio_iommu_type1_dma_map}. */
    public static final CStruct MAP_DMA = MAP.build();

    private static final CStruct.Builder UNMAP =
            CStruct.named("vfio_iommu_type1_dma_unmap", "docs/contract.md, the memory of a container");

    /** Size of the whole argument. */
    public static final CStruct.Field UNMAP_ARGSZ = UNMAP.u32("argsz", "size of the whole argument in bytes");

    /** Whether everything goes. */
    public static final CStruct.Field UNMAP_FLAGS = UNMAP.u32("flags", "bit 1 ALL");

    /** First guest-physical address of the range. */
    public static final CStruct.Field UNMAP_IOVA = UNMAP.u64("iova", "first guest-physical address; with ALL 0");

    /** Length of the range. */
    public static final CStruct.Field UNMAP_SIZE =
            UNMAP.u64("size", "length in bytes, not 0; with ALL 0; on return the bytes that were unmapped");

    /** {@code struct vfio_iommu_type1_dma_unmap}. */
    public static final CStruct UNMAP_DMA = UNMAP.build();

    private Uapi() {}
}

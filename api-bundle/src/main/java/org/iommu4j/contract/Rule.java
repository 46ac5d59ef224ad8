package org.iommu4j.contract;

import java.util.List;
import java.util.function.Predicate;

/**
 * The validation rules of wire form 1, in the order in which they are checked; the first that is broken decides. One table:
 * the checks, the documentation and the tests follow from it. What the core can tell it checks before any backend sees
 * the request; the rules of {@link Stage#BACKEND} are the translator's.
 *
 * <p>Numbers are unsigned. A field without a structure's name is that of the innermost structure that has it.
 *
 * <p>The class is long because it is one table: each rule with its stage, field, text, source and errno, in the order of
 * the contract.
 */
public enum Rule {
    /** The request number is known on this object. */
    V1(
            Stage.ENVELOPE,
            "request",
            "the request number is VFIO_IOMMU_OP: 0x3b7c, VFIO_IOMMU_MAP_DMA: 0x3b71, or VFIO_IOMMU_UNMAP_DMA: 0x3b72;"
                    + " on model spapr also each with bit 29 (powerpc's encoding)",
            "Y4",
            Errno.ENOTTY,
            RequestImage::isKnownRequest),
    /** The first four bytes are readable. */
    V2(
            Stage.ENVELOPE,
            "argsz",
            "the first four bytes can be read",
            "Y5",
            Errno.EFAULT,
            request -> request.canRead(Integer.BYTES)),
    /** {@code argsz} covers the fixed part. */
    V3(
            Stage.ENVELOPE,
            "argsz",
            "argsz covers the fixed part: at least 12, 32 of a map, 24 of an unmap",
            "Y5",
            Errno.EINVAL,
            request -> request.check(Uapi.ARGSZ, request.get(Uapi.ARGSZ) >= request.fixedBytes())),
    /** {@code argsz} bytes are readable. */
    V4(
            Stage.ENVELOPE,
            "argsz",
            "argsz bytes can be read",
            "Y5, A5",
            Errno.EFAULT,
            request -> request.canRead(request.get(Uapi.ARGSZ))),
    /** {@code flag} has no unknown bit. */
    V5(
            Stage.OPERATION,
            "flag",
            "flag has no bit but the four operations (mask 0xf)",
            "Y2, H7",
            Errno.EOPNOTSUPP,
            request -> request.isWithin(Uapi.FLAG, Uapi.FLAG_MASK)),
    /** {@code flag} has exactly one bit. */
    V6(
            Stage.OPERATION,
            "flag",
            "flag has exactly one bit: it says how the data is read",
            "Y2, Y10, D12",
            Errno.EINVAL,
            request -> request.check(Uapi.FLAG, Long.bitCount(request.get(Uapi.FLAG)) == 1)),
    /** The fixed part plus {@code length} does not overflow. */
    V7(
            Stage.OPERATION,
            "length",
            "12 + length fits in 32 bits",
            "Y11, D5",
            Errno.EOVERFLOW,
            request -> request.check(Uapi.LENGTH, request.get(Uapi.LENGTH) <= 0xFFFF_FFFFL - Uapi.DATA_OFFSET)),
    /** The fixed part plus {@code length} fits in {@code argsz}. */
    V8(
            Stage.OPERATION,
            "length",
            "12 + length is at most argsz",
            "Y11, D5",
            Errno.EINVAL,
            request ->
                    request.check(Uapi.LENGTH, Uapi.DATA_OFFSET + request.get(Uapi.LENGTH) <= request.get(Uapi.ARGSZ))),
    /** Bytes between the data and {@code argsz} are zero. */
    V9(
            Stage.ENVELOPE,
            "data",
            "bytes from 12 + length, of a map or unmap from its fixed part, up to argsz are zero",
            "H2, D16",
            Errno.E2BIG,
            request -> request.isZero(request.understoodBytes(), request.get(Uapi.ARGSZ))),
    /** The data covers the inner fixed part. */
    V10(
            Stage.INNER,
            "length",
            "the data covers the inner fixed part: 48 bytes of an invalidation (44 in an i386 image), 20 of a bind",
            "Y10, D4",
            Errno.EINVAL,
            request -> request.check(
                    Uapi.LENGTH,
                    request.get(Uapi.LENGTH)
                            >= request.inner().size(request.terms().abi()))),
    /** Reserved words are zero. */
    V11(
            Stage.INNER,
            "reserved",
            "the reserved word is zero: the hole before vaddr (an i386 image has none), the last word of the bind"
                    + " header",
            "D2, H2",
            Errno.EINVAL,
            request -> request.isZero(request.invalidates() ? Uapi.HOLE : Uapi.BIND_RESERVED)),
    /** {@code scope} has no unknown bit. */
    V12(
            Stage.INVALIDATE,
            "scope",
            "scope has no unknown bit (mask 0x3)",
            "Y14, Y21, D1, H7",
            Errno.EOPNOTSUPP,
            request -> request.isWithin(Uapi.SCOPE, Uapi.SCOPE_MASK)),
    /** {@code flags} has no unknown bit. */
    V13(
            Stage.FLAGS,
            "flags",
            "flags has no unknown bit (mask 0x3; in a bind 0x1 and what the vendor's part defines in 31:16; in an unmap"
                    + " 0x2)",
            "Y15, Y16, Y21, D1, H7",
            Errno.EOPNOTSUPP,
            request -> request.isWithin(request.flags(), request.knownFlags())),
    /** Scope PASID and NO_PASID are not together. */
    V14(
            Stage.INVALIDATE,
            "flags",
            "scope PASID and NO_PASID are not together",
            "J3, Q3",
            Errno.EINVAL,
            request -> request.check(
                    Uapi.FLAGS, !(request.hasScope(Uapi.SCOPE_PASID) && request.hasFlag(Uapi.FLAGS_NO_PASID)))),
    /** NO_PASID: {@code pasid} is zero. */
    V15(
            Stage.INVALIDATE,
            "pasid",
            "with NO_PASID pasid is zero",
            "Y15",
            Errno.EINVAL,
            request -> !request.hasFlag(Uapi.FLAGS_NO_PASID) || request.isZero(Uapi.PASID)),
    /** Neither scope PASID nor NO_PASID: {@code pasid} is zero. */
    V16(
            Stage.INVALIDATE,
            "pasid",
            "without scope PASID pasid is zero",
            "Y17",
            Errno.EINVAL,
            request -> request.hasScope(Uapi.SCOPE_PASID) || request.isZero(Uapi.PASID)),
    /** Scope PASID: {@code pasid} fits in 20 bits and in the model's width. */
    V17(
            Stage.INVALIDATE,
            "pasid",
            "with scope PASID pasid fits in 20 bits (PCI Express), and in the width of a model that has PASIDs",
            "Y17",
            Errno.EINVAL,
            request -> !request.hasScope(Uapi.SCOPE_PASID)
                    || request.check(Uapi.PASID, request.get(Uapi.PASID) < pasidLimit(request.terms()))),
    /** No scope VADDR: {@code vaddr} and {@code size} are zero. */
    V18(
            Stage.INVALIDATE,
            "vaddr, size",
            "without scope VADDR vaddr and size are zero",
            "Y17",
            Errno.EINVAL,
            request -> request.hasScope(Uapi.SCOPE_VADDR) || (request.isZero(Uapi.VADDR) && request.isZero(Uapi.SIZE))),
    /** Scope VADDR: {@code size} is not zero. */
    V19(
            Stage.RANGE,
            "size",
            "with scope VADDR, in a map and in an unmap without ALL size is not zero",
            "Y17",
            Errno.EINVAL,
            request -> !request.hasRange() || request.check(request.size(), request.get(request.size()) != 0)),
    /** The range does not wrap. */
    V20(
            Stage.RANGE,
            "size",
            "the last byte, vaddr + size - 1 (of a map and an unmap iova + size - 1, too), does not wrap; a range may"
                    + " end at 2^64 exactly",
            "Y17",
            Errno.EOVERFLOW,
            request -> !request.hasRange() || request.isWithinAddresses()),
    /** The range is aligned to the model's smallest granule. */
    V21(
            Stage.RANGE,
            "vaddr, iova, size",
            "vaddr, iova and size are multiples of the smallest granule of the generation",
            "Y17",
            Errno.EINVAL,
            request -> !request.hasRange() || request.isRangeAligned()),
    /** LEAF needs scope VADDR. */
    V22(
            Stage.INVALIDATE,
            "flags",
            "VADDR_LEAF needs scope VADDR",
            "Y16",
            Errno.EINVAL,
            request -> request.check(
                    Uapi.FLAGS, !request.hasFlag(Uapi.FLAGS_VADDR_LEAF) || request.hasScope(Uapi.SCOPE_VADDR))),
    /** A model without leaf-only invalidation widens. */
    V23(
            Stage.BACKEND,
            "flags",
            "a model without leaf-only invalidation drops intermediate entries too and answers WIDENED",
            "Y16, D15, H15"),
    /** The model has the selected granularity, or the request is widened. */
    V24(
            Stage.BACKEND,
            "scope",
            "the model can select what scope names: scope PASID on a model without PASIDs is refused; a range of all"
                    + " PASIDs is widened, and answered WIDENED, where no command has it",
            "K1, J1",
            Errno.EOPNOTSUPP),
    /** A range of all PASIDs is exact where a command has it. */
    V25(
            Stage.BACKEND,
            "scope",
            "a range of all PASIDs (neither scope PASID nor NO_PASID) is legal, and exact where a command has it",
            "J1"),
    /** NO_PASID and PASID 0 may name the same context. */
    V26(
            Stage.BACKEND,
            "flags",
            "where requests without PASID are routed through PASID 0, NO_PASID and PASID 0 name the same context",
            "J2, J4, Q3"),
    /** Scope 0 is everything of the container. */
    V27(
            Stage.SEMANTIC,
            "scope",
            "scope 0 is the whole domain; with NO_PASID all translations of requests without PASID",
            "Q5"),
    /** {@code model} is one of the five. */
    V28(
            Stage.INNER,
            "model",
            "model is one of enum iommu_model, 0 to 4",
            "Y13, D6, H7",
            Errno.EOPNOTSUPP,
            request -> request.check(
                    model(request), Long.compareUnsigned(request.get(model(request)), IommuModel.S390.code()) <= 0)),
    /** {@code model} is the container's. */
    V29(
            Stage.INNER,
            "model",
            "model is that of the container",
            "Y18",
            Errno.ENODEV,
            request -> request.check(
                    model(request),
                    request.get(model(request)) == request.terms().model().code())),
    /** {@code sub_version} is the agreed one. */
    V30(
            Stage.INNER,
            "sub_version",
            "sub_version is the one that the client agreed on: the host's own, or bridged by shims",
            "Y19, A7, A9, D7, H8",
            Errno.EPROTONOSUPPORT,
            request -> request.check(
                    subVersion(request),
                    request.get(subVersion(request))
                            == Integer.toUnsignedLong(request.terms().subVersion()))),
    /** The inner lengths neither overflow nor leave the data. */
    V31(
            Stage.INNER,
            "length, size",
            "the inner fixed part plus the inner length neither overflows 64 bits (EOVERFLOW) nor exceeds the outer"
                    + " length (EINVAL); the size of a bind is the outer length (EINVAL)",
            "Y20, D5",
            Errno.EINVAL,
            Errno.EOVERFLOW,
            Rule::innerLengthFits),
    /** Bytes after the vendor part are zero. */
    V32(
            Stage.INVALIDATE,
            "data",
            "bytes from the end of the vendor part to the end of the data are zero",
            "H2, D16",
            Errno.E2BIG,
            request -> request.isZero(
                    request.payloadOffset() + request.get(Uapi.DATA_LENGTH),
                    Uapi.DATA_OFFSET + request.get(Uapi.LENGTH))),
    /** The vendor part has the length of its generation. */
    V33(
            Stage.INNER,
            "length, size",
            "the vendor part has exactly a length that its generation defines; 0 (absent) only where that is one",
            "Y20, A8",
            Errno.EINVAL,
            request -> request.invalidates()
                    ? request.check(Uapi.DATA_LENGTH, request.acceptsPayload(request.payloadLength()))
                    : request.check(
                            Uapi.BIND_SIZE,
                            request.payloadLength()
                                    == request.bindFormat().layout().sizeBytes())),
    /** The vendor part is a legal command with zero reserved bits. */
    V34(
            Stage.BACKEND,
            "of the vendor part",
            "the vendor part is a legal command of its generation, reserved bits zero; of a bind's vendor part the core"
                    + " checks reserved bits and reserved codes itself",
            "A1, A5, H2",
            Errno.EINVAL,
            request -> request.invalidates() || request.bindFormat() == null || request.isLegalBindPayload()),
    /** The vendor part has no host-owned identifier or operation. */
    V36(
            Stage.BACKEND,
            "of the vendor part",
            "the vendor part names nothing that the host owns: domain id, VMID, a hidden ASID, physical stream ID,"
                    + " completion, interrupts, a page of its own as a table (the core checks that)",
            "J12, J14, Q13, H16",
            Errno.EPERM),
    /** The vendor part and the generic fields agree. */
    V35(
            Stage.BACKEND,
            "of the vendor part",
            "the vendor part and the generic fields say the same: pasid, range, granularity, leaf",
            "D8, H14",
            Errno.EINVAL),
    /** The bind operation is specified for the model. */
    V37(
            Stage.BIND,
            "flag",
            "the bind operation is specified for the model and generation",
            "Y6, Y7, Y8, Q11",
            Errno.EOPNOTSUPP,
            request -> request.check(Uapi.FLAG, request.bindFormat() != null)),
    /** After success the invalidation is complete. */
    V38(
            Stage.SEMANTIC,
            "",
            "success means done: no translation that was to be dropped is used any more, none is only queued",
            "D10, Q14",
            Errno.EIO),
    /** A map grants something. */
    V39(
            Stage.MAP,
            "flags",
            "a map has READ, WRITE or both",
            "H13",
            Errno.EINVAL,
            request -> !request.maps()
                    || request.check(Uapi.MAP_FLAGS, (request.get(Uapi.MAP_FLAGS) & Uapi.MAP_FLAGS_MASK) != 0)),
    /** An unmap of everything names no range. */
    V40(
            Stage.MAP,
            "iova, size",
            "with ALL iova and size of an unmap are zero",
            "H2",
            Errno.EINVAL,
            request -> !request.unmapsAll() || (request.isZero(Uapi.UNMAP_IOVA) && request.isZero(Uapi.UNMAP_SIZE))),
    /** The chip can have the container's memory as a stage of translation. */
    V41(
            Stage.MAP,
            "request",
            "the backend takes the memory map of a container, and the chip has a stage of translation for it",
            "Y8, H7",
            Errno.EOPNOTSUPP),
    /** The mapping can be written in that stage's tables. */
    V42(
            Stage.MAP,
            "iova, vaddr, size",
            "iova, vaddr and size of a map are multiples of the stage's smallest page, and iova is within its"
                    + " addresses",
            "H19",
            Errno.EINVAL),
    /** The target of a map exists. */
    V43(Stage.MAP, "vaddr", "all of a map's target is memory", "Y8", Errno.EFAULT),
    /** The target of a map is not the host's. */
    V44(Stage.MAP, "vaddr", "no page of a map's target is the host's own", "H16", Errno.EPERM),
    /** Mappings do not overlap. */
    V45(Stage.MAP, "iova", "no byte of a map's range is mapped already", "H18", Errno.EEXIST),
    /** There is room for another mapping. */
    V46(Stage.MAP, "iova", "a container has at most 65535 mappings", "H19", Errno.ENOSPC),
    /** A container is mapped before anything else is done with it. */
    V47(
            Stage.MAP,
            "iova",
            "the first map of a container comes while nothing is bound and no device has a table of the container's",
            "H20",
            Errno.EBUSY),
    /** Mappings go as a whole. */
    V48(
            Stage.MAP,
            "iova",
            "no mapping crosses an end of an unmap's range: mappings go as a whole",
            "H13",
            Errno.EINVAL),
    /** The range that is unmapped holds at least one mapping. */
    V49(Stage.MAP, "iova", "something is mapped in the range of an unmap without ALL", "H18", Errno.ENOENT),
    /** Tables of guests are in their memory. */
    V50(
            Stage.BIND,
            "of the vendor part",
            "in a container with a memory map the table of a bind begins at a guest-physical address that is mapped",
            "Y8, A5",
            Errno.EFAULT);

    /** The part of the system that checks a rule, and for which requests. */
    public enum Stage {
        /** The core, on every request. */
        ENVELOPE("core, every request"),
        /** The core, on every request but maps and unmaps. */
        OPERATION("core, every VFIO_IOMMU_OP"),
        /** The core, on what has flags: all requests but binds that are not specified. */
        FLAGS("core, invalidations, specified binds, maps and unmaps"),
        /** The core, on what names a range of addresses. */
        RANGE("core, invalidations, maps and unmaps"),
        /** The core, on the fixed part of invalidations and of those binds that are specified. */
        INNER("core, invalidations and specified binds"),
        /** The core, on invalidations. */
        INVALIDATE("core, invalidations"),
        /** The core, on binds. */
        BIND("core, binds"),
        /** The core, on maps and unmaps. */
        MAP("core, maps and unmaps"),
        /** The model's translator. */
        BACKEND("translator"),
        /** Nobody can check it before: it says what a request does. */
        SEMANTIC("what is done");

        private final String text;

        Stage(String text) {
            this.text = text;
        }

        /** For documentation. */
        public String text() {
            return text;
        }
    }

    private final Stage stage;
    private final String field;
    private final String text;
    private final String source;
    private final Errno errno;
    private final Errno otherErrno;

    @SuppressWarnings("ImmutableEnumChecker") // the checks keep no state
    private final Predicate<RequestImage> check;

    /** A rule that says how a request is answered, not that it is refused. */
    Rule(Stage stage, String field, String text, String source) {
        this(stage, field, text, source, Errno.OK);
    }

    /** A rule that the core does not check. */
    Rule(Stage stage, String field, String text, String source, Errno errno) {
        this(stage, field, text, source, errno, request -> true);
    }

    /** A rule that the core checks. */
    Rule(Stage stage, String field, String text, String source, Errno errno, Predicate<RequestImage> check) {
        this(stage, field, text, source, errno, errno, check);
    }

    Rule(
            Stage stage,
            String field,
            String text,
            String source,
            Errno errno,
            Errno otherErrno,
            Predicate<RequestImage> check) {
        this.stage = stage;
        this.field = field;
        this.text = text;
        this.source = source;
        this.errno = errno;
        this.otherErrno = otherErrno;
        this.check = check;
    }

    /** The part of the system that checks the rule. */
    public Stage stage() {
        return stage;
    }

    /** The fields that can be at fault, separated by commas; empty if it is about none. */
    public String field() {
        return field;
    }

    /** The error of a request that breaks it; {@link Errno#OK} if it refuses nothing. */
    public Errno errno() {
        return errno;
    }

    /** All errors that the core answers for it, the usual one first; empty if it refuses nothing. */
    public List<Errno> errnos() {
        if (errno == Errno.OK) {
            return List.of();
        }
        return errno == otherErrno ? List.of(errno) : List.of(errno, otherErrno);
    }

    /** The condition that a request must meet, as a sentence. */
    public String text() {
        return text;
    }

    /** The rule's source: ids of demands (Y, K, J, A), questions (Q), defects (D) and design rules (H) of the contract. */
    public String source() {
        return source;
    }

    /**
     * True if the request keeps it, as far as the core can tell; the rules before it must hold. Rules that are not for the
     * request's operation hold.
     */
    public boolean holds(RequestImage request) {
        boolean map = request.changesMap();
        boolean applies = switch (stage) {
            case INNER -> !map && request.isSpecified();
            case FLAGS -> map || request.isSpecified();
            case INVALIDATE -> !map && request.invalidates();
            case RANGE -> map || request.invalidates();
            case BIND -> !map && !request.invalidates();
            case MAP -> map;
            case OPERATION, BACKEND -> !map;
            case ENVELOPE, SEMANTIC -> true;
        };
        return !applies || check.test(request);
    }

    /** One more than the largest legal PASID. */
    static int pasidLimit(Terms terms) {
        return 1 << (terms.pasidBits() == 0 ? Uapi.PASID_BITS : terms.pasidBits());
    }

    private static CStruct.Field model(RequestImage request) {
        return request.invalidates() ? Uapi.MODEL : Uapi.BIND_MODEL;
    }

    private static CStruct.Field subVersion(RequestImage request) {
        return request.invalidates() ? Uapi.SUB_VERSION : Uapi.BIND_SUB_VERSION;
    }

    private static boolean innerLengthFits(RequestImage request) {
        if (!request.invalidates()) {
            return request.check(Uapi.BIND_SIZE, request.get(Uapi.BIND_SIZE) == request.get(Uapi.LENGTH));
        }
        long fixed = Uapi.TLB_INVALIDATE.size(request.terms().abi());
        long inner = request.get(Uapi.DATA_LENGTH);
        return request.check(Uapi.DATA_LENGTH, Long.compareUnsigned(inner, -1L - fixed) <= 0, Errno.EOVERFLOW)
                && request.check(Uapi.DATA_LENGTH, Long.compareUnsigned(inner, request.get(Uapi.LENGTH) - fixed) <= 0);
    }
}

package org.iommu4j.backend;

/**
 * One access of a device and its outcome. Reused by its owner, so that an access allocates nothing. All addresses are
 * unsigned and in bytes.
 */
public final class DmaAccess {
    /** Access right: read. */
    public static final int READ = 1;

    /** Access right: write. */
    public static final int WRITE = 2;

    /** Access right: instruction fetch. */
    public static final int EXECUTE = 4;

    /** No PASID. */
    public static final int NO_PASID = -1;

    /** How the device presents the address. */
    public enum AddressType {
        /** An ordinary access with an untranslated address. */
        UNTRANSLATED,
        /** A request for a translation that the device may cache. */
        TRANSLATION_REQUEST,
        /** An access with an address that the device translated itself. */
        TRANSLATED
    }

    /** How an access ended. */
    public enum Outcome {
        /** Allowed; {@link #spa()} says where it goes. */
        TRANSLATED,
        /** Refused by the tables; {@link #faultCode()} says why. */
        FAULT,
        /** Blocked before any table was consulted: no backend, or a device that is cut off. */
        BLOCKED,
        /** Translated to an address where there is no memory. */
        BUS_ERROR
    }

    private int requester;
    private int pasid;
    private long iova;
    private int lengthBytes;
    private long spanBytes;
    private int rights;
    private boolean atomic;
    private boolean privileged;
    private AddressType addressType = AddressType.UNTRANSLATED;
    private WalkListener listener;

    private Outcome outcome = Outcome.BLOCKED;
    private long spa;
    private long pageBytes;
    private int grantedRights;
    private boolean hit;
    private int faultCode;
    private boolean recorded;

    /** Starts an untranslated, unprivileged access of one byte without a PASID. */
    public DmaAccess begin(int byRequester, long atIova, int wantedRights) {
        requester = byRequester;
        pasid = NO_PASID;
        iova = atIova;
        lengthBytes = 1;
        spanBytes = 0;
        rights = wantedRights;
        atomic = false;
        privileged = false;
        addressType = AddressType.UNTRANSLATED;
        return this;
    }

    /** Sets the PASID. */
    public DmaAccess withPasid(int value) {
        pasid = value;
        return this;
    }

    /** Sets the length in bytes, 0 for a zero-length read; the caller splits accesses at page boundaries. */
    public DmaAccess withLength(int bytes) {
        lengthBytes = bytes;
        return this;
    }

    /**
     * Sets the length in bytes of what is left of the whole access, of which this is the first piece: a chip may check the
     * range of an access before it looks at its pages.
     */
    public DmaAccess withSpan(long bytes) {
        spanBytes = bytes;
        return this;
    }

    /** Marks the access as an AtomicOp, which needs both rights. */
    public DmaAccess asAtomic() {
        atomic = true;
        rights = READ | WRITE;
        return this;
    }

    /** Marks the access as privileged. */
    public DmaAccess asPrivileged() {
        privileged = true;
        return this;
    }

    /** Sets how the device presents the address. */
    public DmaAccess as(AddressType type) {
        addressType = type;
        return this;
    }

    /** Sets who sees the steps of the walk; null for nobody. It stays until it is replaced. */
    public DmaAccess explainTo(WalkListener walkListener) {
        listener = walkListener;
        return this;
    }

    /** Requester id (bus &lt;&lt; 8 | device &lt;&lt; 3 | function), stream ID, LIOBN or function handle. */
    public int requester() {
        return requester;
    }

    /** The PASID, or {@link #NO_PASID}. */
    public int pasid() {
        return pasid;
    }

    /** The address that the device presents. */
    public long iova() {
        return iova;
    }

    /** Length in bytes. */
    public int lengthBytes() {
        return lengthBytes;
    }

    /** Length in bytes of what is left of the whole access; at least that of this piece. */
    public long spanBytes() {
        return Math.max(spanBytes, lengthBytes);
    }

    /** Wanted rights. */
    public int rights() {
        return rights;
    }

    /** True for an AtomicOp. */
    public boolean atomic() {
        return atomic;
    }

    /** True for a privileged access. */
    public boolean privileged() {
        return privileged;
    }

    /** How the device presents the address. */
    public AddressType addressType() {
        return addressType;
    }

    /** Sees each step of the walk; null for nobody. */
    public WalkListener listener() {
        return listener;
    }

    /** Chip: the access is allowed. */
    public void translated(long toSpa, long ofPageBytes, int withRights, boolean fromCache) {
        outcome = Outcome.TRANSLATED;
        spa = toSpa;
        pageBytes = ofPageBytes;
        grantedRights = withRights;
        hit = fromCache;
        faultCode = 0;
        recorded = false;
    }

    /** Chip: the access is refused with the model's own code. */
    public void fault(int code, boolean wasRecorded) {
        refuse(Outcome.FAULT);
        faultCode = code;
        recorded = wasRecorded;
    }

    /** Chip or core: the access is blocked before any table is consulted. */
    public void blocked() {
        refuse(Outcome.BLOCKED);
    }

    /** Core: the translated address has no memory. */
    public void busError() {
        outcome = Outcome.BUS_ERROR;
    }

    /** How the access ended. */
    public Outcome outcome() {
        return outcome;
    }

    /** The translated system physical address, offset in the page included. */
    public long spa() {
        return spa;
    }

    /** Size in bytes of the translation that was used; 0 if the address was not translated by a table. */
    public long pageBytes() {
        return pageBytes;
    }

    /** Rights that the translation grants. */
    public int grantedRights() {
        return grantedRights;
    }

    /** True if a cache answered. */
    public boolean hit() {
        return hit;
    }

    /** The model's own fault code. */
    public int faultCode() {
        return faultCode;
    }

    /** True if the chip recorded the fault. */
    public boolean recorded() {
        return recorded;
    }

    private void refuse(Outcome how) {
        outcome = how;
        spa = 0;
        pageBytes = 0;
        grantedRights = 0;
        hit = false;
        faultCode = 0;
        recorded = false;
    }
}

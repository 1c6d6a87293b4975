#!/bin/sh
# Boots a machine, in namespaces of its own (see machine.py): what is written goes into memory, what is started ends
# with it. Lithops's scripts find on it what they install otherwise, and as much of systemd and sudo as they ask for.
#
#   machine.sh FOLDER PYTHON
set -e
kept=$1 python=$2

mount -t tmpfs tmpfs /mnt
for each in etc home opt root tmp; do
    mkdir -p "/mnt/$each/written" "/mnt/$each/work"
    mount -t overlay overlay -o "lowerdir=/$each,upperdir=/mnt/$each/written,workdir=/mnt/$each/work" "/$each"
done
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd /run/units /mnt/bin

program() {
    cat > "/mnt/bin/$1"
    chmod 755 "/mnt/bin/$1"
}

# The user that Lithops expects. Who has its key may do everything, as in a cloud by sudo.
sed -i '/^ubuntu:/d' /etc/passwd /etc/group
echo 'ubuntu:x:0:0::/home/ubuntu:/bin/sh' >> /etc/passwd
echo 'ubuntu:x:0:' >> /etc/group
mkdir -p /home/ubuntu/.ssh ~root/.ssh
cp "$kept/user_key.pub" /home/ubuntu/.ssh/authorized_keys

program sudo << 'END'
#!/bin/sh
SUDO_USER=ubuntu exec "$@"
END

program python3 << END
#!/bin/sh
PYTHONPATH='$kept/refused' exec '$python' "\$@"
END

program pip3 << 'END'
#!/bin/sh
echo lithops
END

program docker << 'END'
#!/bin/sh
exit 1
END

program systemctl << 'END'
#!/bin/sh
[ -f "/etc/systemd/system/$2" ] || exit 0
case "$1" in
start)
    command=$(sed -n 's|^ExecStart=/usr/bin/||p' "/etc/systemd/system/$2")
    setsid $command < /dev/null > "/run/units/$2.log" 2>&1 &
    echo $! > "/run/units/$2"
    ;;
stop)
    if [ -f "/run/units/$2" ]; then
        kill -KILL -- "-$(cat "/run/units/$2")" || true
        rm "/run/units/$2"
    fi
    ;;
esac
END

program service << 'END'
#!/bin/sh
kill -0 "$(cat "/run/units/$1.service")" && echo "Active: active (running)"
END

PATH="/mnt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export PATH
redis-server --bind 0.0.0.0 --protected-mode no --save '' --dir /run > /run/redis.log 2>&1 &

cat > /run/sshd.conf << END
HostKey $kept/host_key
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
AuthorizedKeysFile /home/ubuntu/.ssh/authorized_keys
Subsystem sftp internal-sftp
SetEnv PATH=$PATH
END
exec "$(command -v sshd)" -D -e -f /run/sshd.conf
